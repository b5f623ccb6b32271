//! Encoding and decoding. Leaves the library's Encoding objects out: ids are all that is wanted.

use tokenizers::{
    AddedVocabulary, Encoding, Model, OffsetReferential, OffsetType, PostProcessor, PreTokenizer,
};

use crate::border::{guard, guard_value, Buffer, Failure, Ids, Outcome, Status, Text};
use crate::token_table::{plan, TokenTable};
use crate::tokenizer_file::parse;

pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The added tokens with the special ones switched off, for text that a user typed.
    plain: AddedVocabulary,
    table: TokenTable,
    prefix: Vec<i32>,
    fingerprint: u64,
    strips_first_space: bool,
    decodes_by_table: bool,
}

#[repr(C)]
pub struct Tables {
    count: usize,
    flags: *const u8,
    text_offsets: *const u32,
    texts: *const u8,
    byte_offsets: *const u32,
    bytes: *const u8,
    prefix_ids: *const i32,
    prefix_count: usize,
    fingerprint: u64,
    strips_first_space: i32,
    decodes_by_table: i32,
}

impl Tokenizer {
    fn from_json(json: &str) -> Outcome<Self> {
        let parsed = parse(json)?;
        let plan = plan(parsed.decoder.as_ref());
        let decoder = parsed.tokenizer.get_decoder();
        let table = TokenTable::build(&parsed.texts, &parsed.added, &plan.decoding, decoder);
        let mut plain = parsed.tokenizer.get_added_vocabulary().clone();
        plain.set_encode_special_tokens(true);
        Ok(Tokenizer {
            prefix: prefix_ids(&parsed.tokenizer)?,
            inner: parsed.tokenizer,
            plain,
            table,
            fingerprint: parsed.fingerprint.value(),
            strips_first_space: plan.strips_first_space,
            decodes_by_table: plan.by_table,
        })
    }

    fn encode(&self, text: &str, recognise_specials: bool) -> tokenizers::Result<Vec<i32>> {
        let added = if recognise_specials { self.inner.get_added_vocabulary() } else { &self.plain };
        let mut pieces = added.extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        self.inner.get_model().tokenize_in_pretokenized(&mut pieces, None)?;
        let splits = pieces.get_splits(OffsetReferential::Normalized, OffsetType::None);
        Ok(splits.iter().flat_map(|(_, _, tokens)| tokens.iter().flatten().map(|t| t.id as i32)).collect())
    }

    fn decode(&self, ids: &[i32], keep_specials: bool) -> Outcome<String> {
        // Ids out of range stand for nothing; a negative id becomes one that no vocabulary holds.
        let ids: Vec<u32> = ids.iter().map(|&id| u32::try_from(id).unwrap_or(u32::MAX)).collect();
        self.inner.decode(&ids, !keep_specials).map_err(Failure::invalid)
    }
}

/// Runs the post-processor over one marked token and takes what comes before the mark.
fn prefix_ids(tokenizer: &tokenizers::Tokenizer) -> Outcome<Vec<i32>> {
    const MARK: u32 = u32::MAX;
    let Some(processor) = tokenizer.get_post_processor() else { return Ok(Vec::new()) };
    let mark = Encoding::new(
        vec![MARK],
        vec![0],
        vec![String::new()],
        vec![None],
        vec![(0, 0)],
        vec![0],
        vec![1],
        Vec::new(),
        Default::default(),
    );
    let processed = processor
        .process(mark, None, true)
        .map_err(|e| Failure::corrupt(format!("tokenizer.json: post_processor: {e}")))?;
    let before: Vec<i32> = processed.get_ids().iter().take_while(|&&id| id != MARK).map(|&id| id as i32).collect();
    let found = before.len() < processed.get_ids().len();
    Ok(if found { before } else { Vec::new() })
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_new(json: Text, tokenizer: *mut *mut Tokenizer, error: *mut Buffer) -> Status {
    guard(error, || {
        let json = std::str::from_utf8(json.bytes())
            .map_err(|e| Failure::corrupt(format!("tokenizer.json is not UTF-8 at byte {}", e.valid_up_to())))?;
        tokenizer.write(Box::into_raw(Box::new(Tokenizer::from_json(json)?)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_free(tokenizer: *mut Tokenizer) {
    if !tokenizer.is_null() {
        drop(Box::from_raw(tokenizer));
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_describe(tokenizer: *const Tokenizer) -> Tables {
    let t = &*tokenizer;
    Tables {
        count: t.table.flags.len(),
        flags: t.table.flags.as_ptr(),
        text_offsets: t.table.text_offsets.as_ptr(),
        texts: t.table.texts.as_ptr(),
        byte_offsets: t.table.byte_offsets.as_ptr(),
        bytes: t.table.bytes.as_ptr(),
        prefix_ids: t.prefix.as_ptr(),
        prefix_count: t.prefix.len(),
        fingerprint: t.fingerprint,
        strips_first_space: i32::from(t.strips_first_space),
        decodes_by_table: i32::from(t.decodes_by_table),
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_encode(
    tokenizer: *const Tokenizer,
    text: Text,
    recognise_specials: i32,
    ids: *mut Ids,
    error: *mut Buffer,
) -> Status {
    guard(error, || {
        let text = text.str("text")?;
        let encoded = (*tokenizer).encode(text, recognise_specials != 0).map_err(Failure::invalid)?;
        ids.write(Ids::from_vec(encoded));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_decode(
    tokenizer: *const Tokenizer,
    ids: *const i32,
    count: usize,
    keep_specials: i32,
    text: *mut Buffer,
    error: *mut Buffer,
) -> Status {
    guard(error, || {
        let ids = if count == 0 { &[] } else { std::slice::from_raw_parts(ids, count) };
        text.write(Buffer::from_string((*tokenizer).decode(ids, keep_specials != 0)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_tokenizer_id_of(tokenizer: *const Tokenizer, token: Text) -> i32 {
    guard_value(-1, || {
        let id = token.str("token").ok().and_then(|text| (*tokenizer).inner.token_to_id(text));
        id.map_or(-1, |id| id as i32)
    })
}
