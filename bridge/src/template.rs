//! Chat templates: Jinja as Transformers' `apply_chat_template` sets it up.

use std::cell::RefCell;
use std::ffi::{c_char, CString};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};

use crate::border::{guard, Buffer, Failure, Outcome, Status, Text};
use crate::python;

type Clock = extern "C" fn(*const c_char, *mut c_char, usize) -> usize;

const NAME: &str = "template";

/// Steps that a template may take: no honest one comes near, and a hostile loop ends within a second.
const FUEL: u64 = 2_000_000;
const FUEL_PER_MESSAGE: u64 = 10_000;
/// Rendered text may not pass this: a small template can otherwise fill the memory.
const MAX_OUTPUT_BYTES: usize = 64 << 20;

pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

#[repr(C)]
pub struct Message {
    role: Text,
    content: Text,
}

thread_local! {
    /// What raise_exception said last on this thread: its text reaches the user without the engine's frame.
    static RAISED: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn raise_exception(message: String) -> Result<Value, Error> {
    RAISED.with(|r| *r.borrow_mut() = Some(message.clone()));
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(clock: Clock, format: String) -> Result<String, Error> {
    let refuse = |why| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {why}"));
    let format = CString::new(format).map_err(|_| refuse("the format holds a zero byte"))?;
    let mut out = vec![0u8; 1024];
    let length = clock(format.as_ptr(), out.as_mut_ptr().cast(), out.len());
    out.truncate(length.min(1024));
    String::from_utf8(out).map_err(|_| refuse("the result is not UTF-8"))
}

/// Python's `str` filter prints True and None where Rust prints true and none.
fn string_filter(value: &Value) -> Value {
    match value.kind() {
        ValueKind::String => value.clone(),
        ValueKind::Bool => Value::from(if value.is_true() { "True" } else { "False" }),
        ValueKind::None => Value::from("None"),
        _ => Value::from(value.to_string()),
    }
}

/// `{% generation %}` marks the assistant's text for Transformers' masks and changes no output. It becomes
/// `{% if true %}` here, with the same whitespace control.
fn replace_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start..start + length + 2];
        let inner = &tag[2..tag.len() - 2];
        let word = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let replacement = match word {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        out.push_str(&rest[..start]);
        match replacement {
            Some(text) => out.push_str(&tag.replacen(word, text, 1)),
            None => out.push_str(tag),
        }
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

fn describe(error: &Error) -> String {
    let mut text = error.kind().to_string();
    if let Some(detail) = error.detail() {
        text = format!("{text}: {detail}");
    }
    match error.line() {
        Some(line) => format!("chat template line {line}: {text}"),
        None => format!("chat template: {text}"),
    }
}

fn compile(source: &str, bos: &str, eos: &str, clock: Clock) -> Outcome<ChatTemplate> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|e| Failure::new(Status::Internal, describe(&e)))?);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(python::print);
    environment.set_recursion_limit(100);
    environment.add_filter("tojson", python::tojson);
    environment.add_filter("string", string_filter);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", move |format: String| strftime_now(clock, format));
    environment
        .add_template_owned(NAME, replace_generation_tags(source))
        .map_err(|e| Failure::corrupt(describe(&e)))?;
    Ok(ChatTemplate { environment, bos: bos.to_string(), eos: eos.to_string() })
}

/// Collects the output and refuses to grow without bound.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(std::io::Error::other("the rendered text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ChatTemplate {
    fn render(&self, messages: Vec<Value>, add_generation_prompt: bool) -> Outcome<String> {
        // An environment is cheap to copy; fuel depends on the work at hand.
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL + FUEL_PER_MESSAGE * messages.len() as u64));
        let context = Value::from_pairs([
            ("messages", Value::from(messages)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("bos_token", Value::from(self.bos.as_str())),
            ("eos_token", Value::from(self.eos.as_str())),
        ]);
        RAISED.with(|r| r.borrow_mut().take());
        let mut out = Bounded(Vec::new());
        let template = environment.get_template(NAME).map_err(|e| Failure::new(Status::Internal, describe(&e)))?;
        if let Err(error) = template.render_captured_to(context, &mut out) {
            let raised = RAISED.with(|r| r.borrow_mut().take());
            return Err(Failure::invalid(raised.unwrap_or_else(|| describe(&error))));
        }
        String::from_utf8(out.0).map_err(|_| Failure::new(Status::Internal, "chat template: output is not UTF-8"))
    }
}

unsafe fn read_messages(messages: *const Message, count: usize) -> Outcome<Vec<Value>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    std::slice::from_raw_parts(messages, count)
        .iter()
        .enumerate()
        .map(|(i, m)| {
            let content = m.content.str(&format!("message {i}"))?;
            Ok(Value::from_pairs([("role", Value::from(m.role.str("role")?)), ("content", Value::from(content))]))
        })
        .collect()
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_template_new(
    source: Text,
    bos: Text,
    eos: Text,
    clock: Clock,
    compiled: *mut *mut ChatTemplate,
    error: *mut Buffer,
) -> Status {
    guard(error, || {
        let template = compile(source.str("chat template")?, bos.str("bos token")?, eos.str("eos token")?, clock)?;
        compiled.write(Box::into_raw(Box::new(template)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_template_free(compiled: *mut ChatTemplate) {
    if !compiled.is_null() {
        drop(Box::from_raw(compiled));
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_template_render(
    compiled: *const ChatTemplate,
    messages: *const Message,
    count: usize,
    add_generation_prompt: i32,
    text: *mut Buffer,
    error: *mut Buffer,
) -> Status {
    guard(error, || {
        let rendered = (*compiled).render(read_messages(messages, count)?, add_generation_prompt != 0)?;
        text.write(Buffer::from_string(rendered));
        Ok(())
    })
}
