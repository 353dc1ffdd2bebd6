//! Names of threads in static programs.

/// In place of musl's, which opens a file in /proc for threads other than the caller and makes its name by printf: all of that, floating point included, was
/// in a router's program for this alone.
///
/// The standard library names a thread from that thread only.
// SAFETY: no other definition is linked: a static program takes musl's from an archive, and only where nothing defines it.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_caller: libc::pthread_t, name: *const libc::c_char) -> libc::c_int {
    // SAFETY: the name is text that ends with a zero, as POSIX has it; the kernel reads 15 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name) }
}
