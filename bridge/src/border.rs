//! What every exported function needs: text in, buffers out, and panics stopped.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Status {
    Ok = 0,
    InvalidArgument = 1,
    CorruptData = 2,
    #[allow(dead_code)] // part of the header; nothing answers it yet
    Unsupported = 3,
    Internal = 4,
}

/// A failure on its way to the C++ side.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl std::fmt::Display) -> Self {
        Failure { status, message: message.to_string() }
    }
    pub fn invalid(message: impl std::fmt::Display) -> Self {
        Failure::new(Status::InvalidArgument, message)
    }
    pub fn corrupt(message: impl std::fmt::Display) -> Self {
        Failure::new(Status::CorruptData, message)
    }
}

pub type Outcome<T> = Result<T, Failure>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const u8,
    size: usize,
}

impl Text {
    /// # Safety
    /// `data` points to `size` readable bytes that outlive the returned slice.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(self.data, self.size)
        }
    }

    /// # Safety
    /// As for `bytes`.
    pub unsafe fn str<'a>(self, what: &str) -> Outcome<&'a str> {
        std::str::from_utf8(self.bytes())
            .map_err(|e| Failure::invalid(format!("{what} is not UTF-8 at byte {}", e.valid_up_to())))
    }
}

#[repr(C)]
pub struct Buffer {
    data: *mut u8,
    size: usize,
}

impl Buffer {
    pub fn from_string(text: String) -> Self {
        let boxed = text.into_bytes().into_boxed_slice();
        let size = boxed.len();
        Buffer { data: Box::into_raw(boxed) as *mut u8, size }
    }
}

#[repr(C)]
pub struct Ids {
    data: *mut i32,
    size: usize,
}

impl Ids {
    pub fn from_vec(ids: Vec<i32>) -> Self {
        let boxed = ids.into_boxed_slice();
        let size = boxed.len();
        Ids { data: Box::into_raw(boxed) as *mut i32, size }
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_bridge_buffer_free(buffer: Buffer) {
    if !buffer.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(buffer.data, buffer.size)));
    }
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_bridge_ids_free(ids: Ids) {
    if !ids.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(ids.data, ids.size)));
    }
}

thread_local! {
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The standard hook prints to standard error, which a library must not do; this one remembers the place.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(String::new, |l| {
                let file = l.file().rsplit(['/', '\\']).next().unwrap_or_default();
                format!(" ({file}:{})", l.line())
            });
            let _ = PANIC_PLACE.try_with(|p| *p.borrow_mut() = place);
        }));
    });
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_string());
    format!("{message}{}", PANIC_PLACE.with(|p| p.borrow().clone()))
}

/// Runs `work`; turns a panic or a failure into a status and a message in `*error`.
///
/// # Safety
/// `error` is null or points to a writable buffer.
pub unsafe fn guard(error: *mut Buffer, work: impl FnOnce() -> Outcome<()>) -> Status {
    quiet_panics();
    // Nothing half-changed can be seen afterwards: objects of the bridge are immutable.
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::new(Status::Internal, panic_text(&*payload)),
    };
    if !error.is_null() {
        error.write(Buffer::from_string(failure.message));
    }
    failure.status
}

/// As `guard` for functions without an error: a panic gives `fallback`.
pub fn guard_value<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    quiet_panics();
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(fallback)
}

#[no_mangle]
pub unsafe extern "C" fn outcrop_bridge_panic_for_test(error: *mut Buffer) -> Status {
    guard(error, || panic!("panic asked for by a test"))
}
