//! What the system does to this process by signals.

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
