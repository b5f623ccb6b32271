//! Reading a tokenizer.json in one pass. The library's own reader buffers the vocabulary twice and accepts
//! what it should not: truncation and padding (which would cut user text), dropout (which would make
//! encoding random), and added tokens whose ids do not match the vocabulary.

use std::fmt;

use ahash::AHashMap;
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokenizers::models::bpe::BpeBuilder;
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{AddedToken, DecoderWrapper, Model, Tokenizer};

use crate::border::{Failure, Outcome};

/// No vocabulary comes near; a larger id is a broken file and would only fill the memory.
const MAX_TOKEN_ID: u32 = (1 << 22) - 1;

#[derive(Deserialize)]
struct TokenizerFile<'a> {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    added_tokens: Vec<AddedEntry>,
    #[serde(borrow, default)]
    normalizer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    post_processor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    decoder: Option<&'a RawValue>,
    #[serde(borrow)]
    model: &'a RawValue,
}

#[derive(Deserialize)]
pub struct AddedEntry {
    pub id: u32,
    pub content: String,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    #[serde(default)]
    pub normalized: bool,
    #[serde(default)]
    pub special: bool,
}

#[derive(Deserialize)]
struct BpeFile {
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    vocab: AHashMap<String, u32>,
    merges: Vec<Merge>,
}

/// A merge, written "a b" or ["a", "b"].
struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MergeVisitor)
    }
}

struct MergeVisitor;

impl<'de> Visitor<'de> for MergeVisitor {
    type Value = Merge;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a merge: \"a b\" or [\"a\", \"b\"]")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Merge, E> {
        match text.split_once(' ') {
            Some((a, b)) if !b.contains(' ') => Ok(Merge(a.to_string(), b.to_string())),
            _ => Err(E::custom(format!("merge {text:?} is not two tokens with one space between"))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Merge, A::Error> {
        let pair = (seq.next_element()?, seq.next_element()?);
        match (pair, seq.next_element::<serde::de::IgnoredAny>()?) {
            ((Some(a), Some(b)), None) => Ok(Merge(a, b)),
            _ => Err(A::Error::custom("a merge needs two tokens")),
        }
    }
}

/// FNV-1a, 64 bits: stable across builds and machines, which the hashers of the standard library are not.
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn new() -> Self {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    pub fn value(&self) -> u64 {
        self.0
    }
}

/// A tokenizer and what the library would not tell about it afterwards.
pub struct Parsed {
    pub tokenizer: Tokenizer,
    /// Token text by id; None where an id is unused.
    pub texts: Vec<Option<String>>,
    pub added: Vec<AddedEntry>,
    pub decoder: Option<serde_json::Value>,
    pub fingerprint: Fingerprint,
}

pub fn parse(json: &str) -> Outcome<Parsed> {
    let file: TokenizerFile = serde_json::from_str(json).map_err(|e| Failure::corrupt(format!("tokenizer.json: {e}")))?;
    if let Some(version) = file.version.as_deref().filter(|v| *v != "1.0") {
        return Err(Failure::corrupt(format!("tokenizer.json: version '{version}' is not 1.0")));
    }
    let mut fingerprint = Fingerprint::new();
    let (model, mut texts) = parse_model(file.model, &mut fingerprint)?;
    let mut tokenizer = Tokenizer::new(model);
    let normalizer: Option<NormalizerWrapper> = part("normalizer", file.normalizer)?;
    tokenizer.with_normalizer(normalizer).map_err(|e| Failure::corrupt(format!("tokenizer.json: normalizer: {e}")))?;
    tokenizer.with_pre_tokenizer(part::<PreTokenizerWrapper>("pre_tokenizer", file.pre_tokenizer)?);
    tokenizer.with_post_processor(part::<PostProcessorWrapper>("post_processor", file.post_processor)?);
    tokenizer.with_decoder(part::<DecoderWrapper>("decoder", file.decoder)?);
    add_tokens(&mut tokenizer, &file.added_tokens, &mut texts)?;
    for token in &file.added_tokens {
        fingerprint.add(&token.id.to_le_bytes());
        fingerprint.add(token.content.as_bytes());
        let flags = [token.single_word, token.lstrip, token.rstrip, token.normalized, token.special];
        fingerprint.add(&flags.map(u8::from));
    }
    Ok(Parsed {
        tokenizer,
        texts,
        added: file.added_tokens,
        decoder: part("decoder", file.decoder)?,
        fingerprint,
    })
}

fn part<T: DeserializeOwned>(name: &str, raw: Option<&RawValue>) -> Outcome<Option<T>> {
    raw.map(|r| serde_json::from_str(r.get()))
        .transpose()
        .map_err(|e| Failure::corrupt(format!("tokenizer.json: {name}: {e}")))
}

fn model_part<T: DeserializeOwned>(raw: &RawValue) -> Outcome<T> {
    serde_json::from_str(raw.get()).map_err(|e| Failure::corrupt(format!("tokenizer.json: model: {e}")))
}

type Texts = Vec<Option<String>>;

fn parse_model(raw: &RawValue, fingerprint: &mut Fingerprint) -> Outcome<(ModelWrapper, Texts)> {
    #[derive(Deserialize)]
    struct Tag {
        #[serde(default, rename = "type")]
        kind: Option<String>,
    }
    let tag: Tag = model_part(raw)?;
    let model: ModelWrapper = match tag.kind.as_deref() {
        Some("BPE") => return parse_bpe(model_part(raw)?, fingerprint),
        Some("WordPiece") => model_part::<WordPiece>(raw)?.into(),
        Some("WordLevel") => model_part::<WordLevel>(raw)?.into(),
        Some("Unigram") => model_part::<Unigram>(raw)?.into(),
        // Files older than the tag: the library tells the kinds apart by their members.
        None => model_part::<ModelWrapper>(raw)?,
        Some(other) => {
            return Err(Failure::corrupt(format!(
                "tokenizer.json: model: type '{other}' is not one of BPE, WordPiece, WordLevel, Unigram"
            )))
        }
    };
    fingerprint.add(raw.get().as_bytes());
    let texts = texts_by_id(model.get_vocab().iter())?;
    Ok((model, texts))
}

fn parse_bpe(file: BpeFile, fingerprint: &mut Fingerprint) -> Outcome<(ModelWrapper, Texts)> {
    let texts = texts_by_id(file.vocab.iter())?;
    for text in &texts {
        fingerprint.add(text.as_deref().unwrap_or_default().as_bytes());
    }
    let prefix_length = file.continuing_subword_prefix.as_deref().map_or(0, str::len);
    for merge in &file.merges {
        fingerprint.add(merge.0.as_bytes());
        fingerprint.add(merge.1.as_bytes());
        // The library cuts the prefix off without looking.
        if prefix_length > 0 && !merge.1.is_char_boundary(prefix_length) {
            return Err(Failure::corrupt(format!("tokenizer.json: model: merge {:?} lacks the subword prefix", merge.1)));
        }
    }
    let merges = file.merges.into_iter().map(|m| (m.0, m.1)).collect();
    let mut builder = BpeBuilder::new()
        .vocab_and_merges(file.vocab, merges)
        .fuse_unk(file.fuse_unk.unwrap_or(false))
        .byte_fallback(file.byte_fallback.unwrap_or(false))
        .ignore_merges(file.ignore_merges.unwrap_or(false));
    if let Some(token) = file.unk_token {
        builder = builder.unk_token(token);
    }
    if let Some(prefix) = file.continuing_subword_prefix {
        builder = builder.continuing_subword_prefix(prefix);
    }
    if let Some(suffix) = file.end_of_word_suffix {
        builder = builder.end_of_word_suffix(suffix);
    }
    let model = builder.build().map_err(|e| Failure::corrupt(format!("tokenizer.json: model: {e}")))?;
    Ok((model.into(), texts))
}

fn texts_by_id<'a>(vocab: impl Iterator<Item = (&'a String, &'a u32)>) -> Outcome<Texts> {
    let mut texts = Texts::new();
    for (text, &id) in vocab {
        place(&mut texts, id, text)?;
    }
    Ok(texts)
}

fn place(texts: &mut Texts, id: u32, text: &str) -> Outcome<()> {
    if id > MAX_TOKEN_ID {
        return Err(Failure::corrupt(format!("tokenizer.json: token {text:?} has id {id}, the limit is {MAX_TOKEN_ID}")));
    }
    let index = id as usize;
    if index >= texts.len() {
        texts.resize(index + 1, None);
    }
    if let Some(other) = texts[index].as_deref().filter(|other| *other != text) {
        let (a, b) = if other < text { (other, text) } else { (text, other) };
        return Err(Failure::corrupt(format!("tokenizer.json: tokens {a:?} and {b:?} share id {id}")));
    }
    texts[index] = Some(text.to_string());
    Ok(())
}

fn add_tokens(tokenizer: &mut Tokenizer, added: &[AddedEntry], texts: &mut Texts) -> Outcome<()> {
    let tokens: Vec<AddedToken> = added
        .iter()
        .map(|t| AddedToken {
            content: t.content.clone(),
            single_word: t.single_word,
            lstrip: t.lstrip,
            rstrip: t.rstrip,
            normalized: t.normalized,
            special: t.special,
        })
        .collect();
    tokenizer.add_tokens(tokens).map_err(|e| Failure::corrupt(format!("tokenizer.json: added_tokens: {e}")))?;
    for token in added.iter().filter(|t| !t.content.is_empty()) {
        match tokenizer.token_to_id(&token.content) {
            Some(id) if id == token.id => place(texts, id, &token.content)?,
            other => {
                return Err(Failure::corrupt(format!(
                    "tokenizer.json: added token {:?} says id {}, the vocabulary makes it {}",
                    token.content,
                    token.id,
                    other.map_or("none".to_string(), |id| id.to_string())
                )))
            }
        }
    }
    Ok(())
}
