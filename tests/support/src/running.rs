//! Programs that tests run, and what they print.

use std::process::Child;

/// A program that ends with the test.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The result of what was printed as JSON, which the last line has; of a failure, what was found before.
///
/// # Panics
/// Where the last line is no JSON.
pub fn result_of(stdout: &[u8]) -> serde_json::Value {
    let printed = String::from_utf8_lossy(stdout);
    let last = printed.lines().last().expect("something is printed");
    let mut event: serde_json::Value = serde_json::from_str(last).expect("the last line is JSON");
    event["result"].take()
}
