//! The Rust side of `include/outcrop_bridge.h`: see there for the rules of the border.

mod border;
mod grammar;
mod python;
mod template;
mod token_table;
mod tokenizer;
mod tokenizer_file;
