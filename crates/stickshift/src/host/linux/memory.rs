//! Memory that a process gives back before it waits for long.

use std::fs;
use std::ops::Range;

/// Lets the pages of this program's code go. Those that are needed later come back from the file, or from the system's cache of it. Most of what
/// a supervisor has in memory is code that ran once, when it went online.
pub fn let_code_go() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for pages in maps.lines().filter_map(code) {
        // SAFETY: the pages are a private mapping of a file that nobody can write to: they hold what the file holds, and the kernel
        // reads it again when one is used.
        #[allow(unsafe_code)]
        unsafe {
            libc::madvise(pages.start as *mut libc::c_void, pages.len(), libc::MADV_DONTNEED);
        }
    }
}

/// The addresses of a line of /proc/PID/maps where that is code of a file: address, rights, offset, device, inode, path.
fn code(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let is_code = words.next()? == "r-xp";
    let is_of_a_file = words.nth(2)? != "0";
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    (is_code && is_of_a_file).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_files_is_let_go_and_nothing_else() {
        let is = |line| code(line).is_some();
        assert_eq!(
            code("00401000-00452000 r-xp 00001000 08:02 173521  /usr/bin/a b"),
            Some(0x40_1000..0x45_2000)
        );
        assert!(!is("00401000-00452000 r--p 00001000 08:02 173521  /usr/bin/a"));
        assert!(!is("00401000-00452000 rwxp 00001000 08:02 173521  /usr/bin/a"));
        assert!(!is("7fff1000-7fff2000 r-xp 00000000 00:00 0  [vdso]"));
        assert!(!is("") && !is("x-y r-xp 0 0:0 1"));
    }

    #[test]
    fn a_program_goes_on_without_its_code_in_memory() {
        let sum = || (1..=100u64).map(|n| n.to_string().len() as u64 * n).sum::<u64>();
        let before = sum();
        for _ in 0..3 {
            let_code_go();
            assert_eq!(sum(), before);
        }
    }
}
