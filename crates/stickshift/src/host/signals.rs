//! What the system does to this process by signals.

#[cfg(unix)]
use std::sync::OnceLock;
#[cfg(unix)]
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(unix)]
use crate::event::Cancel;

/// Lets a write beyond the limit for file sizes (`ulimit -f`) fail as any other does. By default the system ends the process, also in the
/// middle of a flash because of its trace.
pub fn errors_for_large_files() {
    #[cfg(unix)]
    // SAFETY: no handler is installed that could run at a bad moment; ignoring a signal is always sound.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// What is done when the process is asked to stop, and how often it was.
#[cfg(unix)]
static STOP: OnceLock<(Cancel, &str)> = OnceLock::new();
#[cfg(unix)]
static REQUESTS: AtomicU8 = AtomicU8::new(0);

/// Raises `cancel` when somebody asks the process to stop: SIGINT (Ctrl-C), SIGTERM, SIGHUP. At the third request the process ends at once, with
/// `last_words` on standard error and exit code 7. Once in a process.
#[cfg(unix)]
pub fn stop_on_request(cancel: Cancel, last_words: &'static str) {
    if STOP.set((cancel, last_words)).is_err() {
        return;
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler does what a signal handler may: atomic loads and stores, write(2) and _exit(2). A zeroed sigaction is a valid one
        // without flags and with an empty mask.
        #[allow(unsafe_code)]
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = asked_to_stop as extern "C" fn(libc::c_int) as libc::sighandler_t;
            // What waits in the system goes on: the work itself looks at the flag.
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// How often somebody asked the process to stop.
#[cfg(unix)]
pub fn stop_requests() -> u8 {
    REQUESTS.load(Ordering::Relaxed)
}

#[cfg(unix)]
extern "C" fn asked_to_stop(_: libc::c_int) {
    let Some((cancel, last_words)) = STOP.get() else { return };
    cancel.cancel();
    if REQUESTS.fetch_add(1, Ordering::Relaxed) == 2 {
        // SAFETY: both are allowed in a handler; the text lives as long as the process.
        #[allow(unsafe_code)]
        unsafe {
            libc::write(libc::STDERR_FILENO, last_words.as_ptr().cast(), last_words.len());
            libc::_exit(7);
        }
    }
}
