//! Grammars for constrained decoding.

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::earley::ValidationResult;

use crate::border::{guard, Buffer, Failure, Outcome, Status, Text};

fn check_json_schema(schema: &str) -> Outcome<()> {
    let schema = serde_json::from_str(schema).map_err(|e| Failure::invalid(format!("JSON schema: {e}")))?;
    let grammar = TopLevelGrammar::from_json_schema(schema);
    match GrammarInit::Serialized(grammar).validate(None, ParserLimits::default()) {
        ValidationResult::Error(e) => Err(Failure::invalid(format!("JSON schema: {e}"))),
        _ => Ok(()),
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_grammar_check_json_schema(schema: Text, error: *mut Buffer) -> Status {
    guard(error, || check_json_schema(schema.str("JSON schema")?))
}
