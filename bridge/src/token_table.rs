//! What every token stands for, computed once: texts and exact bytes as flat tables.

use serde_json::Value;
use tokenizers::{Decoder, DecoderWrapper};

use crate::tokenizer_file::AddedEntry;

pub const PRESENT: u8 = 1;
pub const SPECIAL: u8 = 2;

/// How token texts become bytes.
pub enum Decoding {
    /// GPT-2's alphabet: one character a byte.
    ByteLevel,
    /// SentencePiece: a mark for the space, and <0x0A> for single bytes where byte fallback is on.
    Pieces { replacements: Vec<(String, String)>, byte_fallback: bool },
    /// BERT: a prefix on the tokens that continue a word.
    WordPiece { prefix: String },
    /// No decoder: tokens are words with a space between.
    Words,
    /// Anything else: asked of the library, one token at a time.
    Other,
}

pub struct DecodingPlan {
    pub decoding: Decoding,
    pub strips_first_space: bool,
    /// Whether joining the tokens' bytes is all that decoding does.
    pub by_table: bool,
}

/// Reads off the decoder's JSON how it treats tokens.
pub fn plan(decoder: Option<&Value>) -> DecodingPlan {
    let make = |decoding, strips_first_space, by_table| DecodingPlan { decoding, strips_first_space, by_table };
    let Some(decoder) = decoder else { return make(Decoding::Words, true, true) };
    match decoder["type"].as_str().unwrap_or_default() {
        "ByteLevel" => make(Decoding::ByteLevel, false, true),
        "WordPiece" => {
            let prefix = decoder["prefix"].as_str().unwrap_or("##").to_string();
            make(Decoding::WordPiece { prefix }, true, false)
        }
        "Metaspace" => {
            let mark = decoder["replacement"].as_str().unwrap_or("\u{2581}").to_string();
            let never = decoder["prepend_scheme"] == "never" || decoder["add_prefix_space"] == false;
            let replacements = vec![(mark, " ".to_string())];
            make(Decoding::Pieces { replacements, byte_fallback: false }, !never, false)
        }
        "Sequence" => sequence_plan(decoder).unwrap_or(make(Decoding::Other, false, false)),
        _ => make(Decoding::Other, false, false),
    }
}

/// Replace*, ByteFallback?, Fuse, Strip one leading space?: what SentencePiece models carry.
fn sequence_plan(decoder: &Value) -> Option<DecodingPlan> {
    let mut replacements = Vec::new();
    let (mut byte_fallback, mut fused, mut strips) = (false, false, false);
    for step in decoder["decoders"].as_array()? {
        match step["type"].as_str()? {
            "Replace" if !fused && !byte_fallback => {
                let from = step["pattern"]["String"].as_str()?;
                replacements.push((from.to_string(), step["content"].as_str()?.to_string()));
            }
            "ByteFallback" if !fused => byte_fallback = true,
            "Fuse" => fused = true,
            "Strip" if fused && !strips && step["content"] == " " && step["start"] == 1 && step["stop"] == 0 => {
                strips = true
            }
            _ => return None,
        }
    }
    let decoding = Decoding::Pieces { replacements, byte_fallback };
    Some(DecodingPlan { decoding, strips_first_space: strips, by_table: true })
}

#[derive(Default)]
pub struct TokenTable {
    pub flags: Vec<u8>,
    pub text_offsets: Vec<u32>,
    pub texts: Vec<u8>,
    pub byte_offsets: Vec<u32>,
    pub bytes: Vec<u8>,
}

impl TokenTable {
    pub fn build(
        texts: &[Option<String>],
        added: &[AddedEntry],
        decoding: &Decoding,
        decoder: Option<&DecoderWrapper>,
    ) -> Self {
        let mut kinds = vec![None; texts.len()];
        for token in added {
            if let Some(kind) = kinds.get_mut(token.id as usize) {
                *kind = Some(token.special);
            }
        }
        let alphabet = byte_alphabet();
        let mut table = TokenTable::default();
        table.text_offsets.push(0);
        table.byte_offsets.push(0);
        for (text, kind) in texts.iter().zip(kinds) {
            if let Some(text) = text {
                table.texts.extend_from_slice(text.as_bytes());
                match (kind, decoding) {
                    (Some(true), _) => {}
                    // Added tokens are cut out of the raw text, before any byte becomes a character.
                    (Some(false), Decoding::ByteLevel) => table.bytes.extend_from_slice(text.as_bytes()),
                    _ => append_bytes(&mut table.bytes, text, decoding, decoder, &alphabet),
                }
            }
            let special = if kind == Some(true) { SPECIAL } else { 0 };
            table.flags.push(if text.is_some() { PRESENT | special } else { 0 });
            table.text_offsets.push(table.texts.len() as u32);
            table.byte_offsets.push(table.bytes.len() as u32);
        }
        table
    }
}

/// The byte of each character of GPT-2's alphabet: printable Latin-1 stands for itself, and the other bytes
/// take the characters from U+0100 in order.
fn byte_alphabet() -> [Option<u8>; 0x180] {
    let mut alphabet = [None; 0x180];
    let mut next = 0x100;
    for byte in 0..=255u8 {
        let itself = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let character = if itself { usize::from(byte) } else { next };
        next += usize::from(!itself);
        alphabet[character] = Some(byte);
    }
    alphabet
}

fn append_bytes(
    out: &mut Vec<u8>,
    text: &str,
    decoding: &Decoding,
    decoder: Option<&DecoderWrapper>,
    alphabet: &[Option<u8>; 0x180],
) {
    match decoding {
        Decoding::ByteLevel => {
            let start = out.len();
            for c in text.chars() {
                let Some(byte) = alphabet.get(c as usize).copied().flatten() else {
                    // A token outside the alphabet is text as it stands, as in the library's decoder.
                    out.truncate(start);
                    out.extend_from_slice(text.as_bytes());
                    return;
                };
                out.push(byte);
            }
        }
        Decoding::Pieces { replacements, byte_fallback } => {
            if let Some(byte) = byte_fallback.then(|| fallback_byte(text)).flatten() {
                out.push(byte);
                return;
            }
            let mut piece = std::borrow::Cow::Borrowed(text);
            for (from, to) in replacements {
                if !from.is_empty() && piece.contains(from.as_str()) {
                    piece = piece.replace(from.as_str(), to).into();
                }
            }
            out.extend_from_slice(piece.as_bytes());
        }
        Decoding::WordPiece { prefix } => match text.strip_prefix(prefix.as_str()) {
            Some(rest) => out.extend_from_slice(rest.as_bytes()),
            None => append_word(out, text),
        },
        Decoding::Words => append_word(out, text),
        Decoding::Other => {
            let decoded = decoder.and_then(|d| d.decode_chain(vec![text.to_string()]).ok());
            out.extend_from_slice(decoded.map_or_else(|| text.to_string(), |parts| parts.concat()).as_bytes());
        }
    }
}

fn append_word(out: &mut Vec<u8>, text: &str) {
    out.push(b' ');
    out.extend_from_slice(text.as_bytes());
}

fn fallback_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && !digits.starts_with('+')).then(|| u8::from_str_radix(digits, 16).ok())?
}
