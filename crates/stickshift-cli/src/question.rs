//! Questions on the terminal. The first Ctrl-C ends one: nothing was begun, and what is typed next is left to the shell.

use std::io::{self, BufRead, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift::mask;
use stickshift::stick::Stick;

/// How long it takes at most until a request to stop is noticed.
const LOOK: Duration = Duration::from_millis(50);

/// The request to stop of this process.
static STOP: OnceLock<Cancel> = OnceLock::new();

/// Lets `cancel` end the questions of this process.
pub(crate) fn end_on(cancel: Cancel) {
    let _ = STOP.set(cancel);
}

/// A line from the terminal.
///
/// # Errors
/// `Interrupted`, untouched.
pub(crate) fn line() -> Result<String> {
    let answered = answer(|| {
        let mut answer = String::new();
        // An end of input is an empty answer.
        let _ = io::stdin().lock().read_line(&mut answer);
        answer
    });
    if answered.is_err() {
        eprintln!();
    }
    answered
}

/// Which of several sticks; `None` for an answer that is none of them.
///
/// # Errors
/// `Interrupted`, untouched.
pub(crate) fn which(sticks: &[Stick]) -> Result<Option<usize>> {
    let mut text = "Several sticks fit:\n".to_owned();
    for (index, stick) in sticks.iter().enumerate() {
        let product = mask::name(stick.product.as_deref().unwrap_or_default());
        let line = format!("{}  {}  {}  {}  {product}", index + 1, stick.place, stick.id, stick.mode_words());
        text.push_str(&format!("  {}\n", clean::line(line.trim_end())));
    }
    let _ = write!(io::stderr(), "{text}Which one? [1-{}, none: Enter] ", sticks.len());
    let _ = io::stderr().flush();
    let chosen = line()?.trim().parse::<usize>().ok();
    Ok(chosen.and_then(|number| number.checked_sub(1)).filter(|index| *index < sticks.len()))
}

/// A secret, which is not shown.
///
/// # Errors
/// `Interrupted`, untouched; inside it, what the terminal reports.
pub(crate) fn secret(prompt: String) -> Result<io::Result<String>> {
    let terminal = Terminal::as_it_is();
    let answered = answer(move || rpassword::prompt_password(prompt));
    match answered {
        Err(stopped) => {
            terminal.restore();
            eprintln!();
            Err(stopped)
        }
        // Ctrl-C as a key, where the terminal makes no signal of it.
        Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => Err(stopped()),
        Ok(answer) => Ok(answer),
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped on request; nothing was begun")
        .with_verdict(Verdict::Untouched)
}

/// Reads in another thread, which a request to stop leaves behind: the process ends.
fn answer<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(read()));
    loop {
        match told.recv_timeout(LOOK) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) if !STOP.get().is_some_and(Cancel::is_cancelled) => {}
            Err(_) => return Err(stopped()),
        }
    }
}

/// How the terminal shows what is typed.
struct Terminal {
    #[cfg(unix)]
    settings: Option<(serial2::SerialPort, serial2::Settings)>,
}

impl Terminal {
    #[cfg(unix)]
    fn as_it_is() -> Terminal {
        let settings = std::fs::File::open("/dev/tty").ok().and_then(|terminal| {
            let terminal = serial2::SerialPort::from(std::os::fd::OwnedFd::from(terminal));
            let settings = terminal.get_configuration().ok()?;
            Some((terminal, settings))
        });
        Terminal { settings }
    }

    #[cfg(unix)]
    fn restore(self) {
        if let Some((mut terminal, settings)) = self.settings {
            // Not by rustix, whose tcsetattr fails on MIPS with musl (rustix 1.1.6).
            let _ = terminal.set_configuration(&settings);
        }
    }

    #[cfg(not(unix))]
    fn as_it_is() -> Terminal {
        Terminal {}
    }

    #[cfg(not(unix))]
    fn restore(self) {}
}
