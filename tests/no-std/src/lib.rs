//! A TOTP verifier for a machine without an operating system. It exists to be built, not to be used.
//!
//! `unsafe` is needed here, and only here, for what a program without `std` must bring itself: a global allocator and a
//! symbol that C can call. `mfa-core` forbids it.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::algorithm::Digits;
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::time::{TimeStep, UnixSeconds};
use mfa_core::totp::{self, Scan, TotpParameters, Window};

/// Checks six digits of `code` at `now`, `used` being the last used step. Returns the accepted step, or 0.
///
/// # Safety
/// `key` points to 20 readable bytes and `code` to 6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mfa_verify(key: *const [u8; 20], code: *const [u8; 6], now: u64, used: u64) -> u64 {
    // SAFETY: as the caller promises.
    let (key, code) = unsafe { (&*key, &*code) };
    accepted_step(key, code, UnixSeconds::new(now), TimeStep::new(used)).map_or(0, TimeStep::get)
}

fn accepted_step(key: &[u8; 20], code: &[u8; 6], now: UnixSeconds, used: TimeStep) -> Option<TimeStep> {
    let key = SharedKey::from_bytes(key).ok()?;
    let code = Code::parse(core::str::from_utf8(code).ok()?, Digits::SIX).ok()?;
    let parameters = TotpParameters::DEFAULT;
    match totp::scan(&key, &parameters, &code, parameters.step_at(now), Window::DEFAULT, Some(used)) {
        Scan::Fresh(step) => Some(step),
        _ => None,
    }
}

/// Hands out four kibibytes once and takes nothing back.
struct Bump {
    used: AtomicUsize,
    memory: UnsafeCell<[u8; 4096]>,
}

// SAFETY: each byte is handed out at most once, by an atomic update.
unsafe impl Sync for Bump {}

// SAFETY: `alloc` returns null or memory of the layout that nothing else was given.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get().cast::<u8>();
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let address = (base as usize).checked_add(used)?;
            let start = used.checked_add(address.wrapping_neg() & (layout.align() - 1))?;
            start.checked_add(layout.size()).filter(|end| *end <= 4096)
        });
        match taken {
            Ok(used) => {
                let start = used + ((base as usize + used).wrapping_neg() & (layout.align() - 1));
                // SAFETY: `start` and the layout's size after it lie within the memory, as was checked above.
                unsafe { base.add(start) }
            }
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { used: AtomicUsize::new(0), memory: UnsafeCell::new([0; 4096]) };

#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
