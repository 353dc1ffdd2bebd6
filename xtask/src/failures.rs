//! Which tests failed and with what words, out of what the test programs print: a whole run has thousands of lines, and the end of a log is
//! what is read first.

/// Lines kept of each failed test; the rest is further up in the log.
const KEPT: usize = 20;

/// What was heard so far.
#[derive(Default)]
pub(crate) struct Failures {
    /// The heading of each failed test and the first lines it printed.
    tests: Vec<Vec<String>>,
    /// Whether the lines now printed are those of the last one.
    inside: bool,
}

impl Failures {
    /// The next line that a test program printed.
    pub(crate) fn hear(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.tests.push(vec![line.to_owned()]);
            self.inside = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.inside = false;
        } else if let Some(test) = self.tests.last_mut()
            && self.inside
            && test.len() <= KEPT
            && !line.trim().is_empty()
        {
            test.push(format!("    {line}"));
        }
    }

    /// All of them, each on lines of its own; empty when none was heard.
    pub(crate) fn told(&self) -> String {
        self.tests.iter().flatten().fold(String::new(), |all, line| all + "\n" + line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_told_with_its_words() {
        let mut failures = Failures::default();
        let printed = "running 2 tests\n.F\nfailures:\n\n---- a::b stdout ----\n\nthread 'a::b' panicked at c.rs:1:2:\nno\n\n\n\
                       failures:\n    a::b\n\ntest result: FAILED. 1 passed; 1 failed\nrunning 1 test\n.\n";
        printed.lines().for_each(|line| failures.hear(line));
        assert_eq!(
            failures.told(),
            "\n---- a::b stdout ----\n    thread 'a::b' panicked at c.rs:1:2:\n    no"
        );
    }

    #[test]
    fn nothing_is_told_of_tests_that_passed() {
        let mut failures = Failures::default();
        "running 1 test\n.\ntest result: ok. 1 passed".lines().for_each(|line| failures.hear(line));
        assert_eq!(failures.told(), "");
    }
}
