//! Memory that a process gives back before it waits for long.

use std::fs;
use std::ops::Range;

/// Lets go what is in memory of this program's own files: code, and data that nobody has changed. What is needed later comes back from the file,
/// or from the system's cache of it. Most of what a supervisor has in memory is code that ran once, when it went online.
pub fn give_back() {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    for pages in unchanged(&maps) {
        // SAFETY: the pages are a private mapping of a file, nobody can write to them, and none of them was changed before that: they hold
        // what the file holds, and the kernel reads it again when one is used.
        #[allow(unsafe_code)]
        unsafe {
            libc::madvise(pages.start as *mut libc::c_void, pages.len(), libc::MADV_DONTNEED);
        }
    }
}

/// The mappings of a text like /proc/PID/smaps that hold nothing but what their files hold.
fn unchanged(maps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut of_a_file = None;
    for line in maps.lines() {
        match line.split_once(':') {
            // What a loader has changed before it took the right to write away counts as anonymous.
            Some(("Anonymous", size)) if size.trim() == "0 kB" => found.extend(of_a_file.take()),
            Some((word, _)) if word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {}
            _ => of_a_file = read_only(line),
        }
    }
    found
}

/// The addresses of a mapping that is private, of a file, and not to be written to: address, rights, offset, device, inode, path.
fn read_only(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let is_of_a_file = words.nth(2)? != "0";
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    (matches!(rights, "r-xp" | "r--p") && is_of_a_file).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_file_holds_is_let_go() {
        let mapping = |line: &str, anonymous: u32| {
            format!(
                "{line}\nSize:  4 kB\nPrivate_Dirty:  0 kB\nAnonymous:  {anonymous} kB\nVmFlags: rd ex mr\n"
            )
        };
        let code = mapping("00401000-00452000 r-xp 00001000 08:02 173521  /usr/bin/a b: c", 0);
        let data = mapping("00452000-00460000 r--p 00052000 08:02 173521  /usr/bin/a", 0);
        assert_eq!(unchanged(&(code + &data)), [0x40_1000..0x45_2000, 0x45_2000..0x46_0000]);
        for kept in [
            mapping("00401000-00452000 r--p 00001000 08:02 173521  /usr/bin/a", 4),
            mapping("00401000-00452000 rw-p 00001000 08:02 173521  /usr/bin/a", 0),
            mapping("00401000-00452000 r--s 00001000 08:02 173521  /usr/bin/a", 0),
            mapping("7fff1000-7fff2000 r-xp 00000000 00:00 0  [vdso]", 0),
            "Anonymous: 0 kB\n\nx-y r-xp 0 0:0 1\nAnonymous: 0 kB".to_owned(),
        ] {
            assert_eq!(unchanged(&kept), [], "{kept}");
        }
    }

    #[test]
    fn a_program_goes_on_without_its_code_in_memory() {
        let sum = || (1..=100u64).map(|n| n.to_string().len() as u64 * n).sum::<u64>();
        let before = sum();
        for _ in 0..3 {
            give_back();
            assert_eq!(sum(), before);
        }
    }
}
