//! What every verb is given: the options, the output, the bus, and the question before acting.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Command;
use stickshift::clean;
#[cfg(feature = "config")]
use stickshift::error::Detail;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::{Bus, Ledger, Moment};
use stickshift::profile::Catalogue;
use stickshift::stick::{Mode, Place, Stick, is_huawei_design};

use crate::config::Config;
use crate::files;
use crate::hosted::Approve;
#[cfg(any(feature = "web", feature = "mqtt"))]
use crate::hosted::RunHosted;
use crate::opener::{Look, Opener};
use crate::options::Global;
#[cfg(feature = "virtual")]
use crate::options::VirtualOwner;
use crate::output::Output;
use crate::question;
use crate::select;
#[cfg(feature = "virtual")]
use crate::virtual_option::asks_for_the_pin;

/// How long a wait for plugging lasts when nothing happens at all.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// How long it takes at most until a signal is noticed.
const SHORT: Duration = Duration::from_millis(200);

/// What is said where another part of the program says no.
pub(crate) const NOT_AGREED: &str = "not confirmed: the plan is not the one that was agreed to";

/// The same where another computer sent the command: its answer was no, or none came.
pub(crate) const NOBODY_SAID_YES: &str =
    "not confirmed: no yes came from the computer that sent the command: it said no, or the connection broke";

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) cancel: Cancel,
    pub(crate) opener: Arc<Opener>,
    /// The owner's settings, or what is wrong with them.
    pub(crate) config: Result<Config>,
    /// The exit code of a verb that ends without an error.
    pub(crate) exit: u8,
    /// The stick that was typed as the only word of a verb.
    pub(crate) stick_word: Option<String>,
    /// Makes the whole command line, for completions and manual pages.
    pub(crate) command_line: fn() -> Command,
    /// Runs a command for another part of the program.
    #[cfg(any(feature = "web", feature = "mqtt"))]
    pub(crate) run_hosted: Option<RunHosted>,
    /// Answers questions in place of a terminal, where this run belongs to another part of the program.
    pub(crate) approve: Option<Approve>,
    /// Reports of progress that are left until a virtual owner presses Ctrl-C.
    until_ctrl_c: Cell<Option<u32>>,
}

impl Context {
    pub(crate) fn new(
        global: Global,
        cancel: Cancel,
        command_line: fn() -> Command,
        config: Result<Config>,
    ) -> Self {
        let ledger = Ledger::new();
        let output = Output::new(&global, ledger.clone());
        let opener = Arc::new(Opener::new(global.clone(), ledger));
        let until_ctrl_c = Cell::new(ctrl_c(&global));
        Context {
            global,
            output,
            cancel,
            opener,
            config,
            exit: 0,
            stick_word: None,
            command_line,
            #[cfg(any(feature = "web", feature = "mqtt"))]
            run_hosted: None,
            approve: None,
            until_ctrl_c,
        }
    }

    /// The bus with the sticks that are there.
    ///
    /// # Errors
    /// As [`Opener::bus`].
    pub(crate) fn bus(&self) -> Result<Box<dyn Bus>> {
        self.warn_of_config();
        self.opener.bus(Look::Sticks)
    }

    /// The bus with every device on it, also those that only a profile of the owner's knows.
    ///
    /// # Errors
    /// As [`Opener::bus`].
    pub(crate) fn every_device(&self) -> Result<Box<dyn Bus>> {
        self.opener.bus(Look::EveryDevice)
    }

    /// The stick that `wanted` names, or the only one there, or of several the one that the settings name.
    ///
    /// # Errors
    /// As [`select::stick`].
    pub(crate) fn stick(&self, bus: &mut dyn Bus, wanted: Option<&str>) -> Result<Stick> {
        let wanted = wanted.or(self.stick_word.as_deref()).map(|word| self.meant(word));
        #[cfg(feature = "config")]
        self.usual_place_is_taken(bus, wanted)?;
        let chosen = select::stick(bus, wanted, &|fits| self.choose(fits, wanted));
        if let Ok(stick) = &chosen {
            if let Some(usual) = self.usual().filter(|usual| wanted.is_none() && !select::names(stick, usual))
                && !bus.sticks()?.iter().any(|other| select::names(other, usual))
            {
                let what = "the stick that the settings name is not plugged in: the one at";
                self.output.warn("another-stick", format!("{what} {} is taken", stick.place));
            }
            self.output.stick_is(stick.mode, !is_huawei_design(stick.id.vendor));
            let what = format!("the stick at {} ({}), {}", stick.place, stick.id, stick.mode_words());
            self.found_out("stick", what);
        }
        chosen
    }

    /// The stick that `wanted` names, or the only one in `mode`, or of several the one that the settings name.
    ///
    /// # Errors
    /// As [`select::in_mode`].
    pub(crate) fn stick_in_mode(&self, bus: &mut dyn Bus, wanted: Option<&str>, mode: Mode) -> Result<Stick> {
        let wanted = wanted.or(self.stick_word.as_deref()).map(|word| self.meant(word));
        #[cfg(feature = "config")]
        self.usual_place_is_taken(bus, wanted)?;
        select::in_mode(bus, wanted, mode, &|fits| self.choose(fits, wanted))
    }

    /// The only one of `sticks`, or of several the one that the settings name; `none` says that there is none.
    ///
    /// # Errors
    /// As [`select::only`].
    pub(crate) fn only(&self, sticks: Vec<Stick>, none: &str) -> Result<Stick> {
        select::only(sticks, none.to_owned(), &|fits| self.choose(fits, None))
    }

    /// What tells the stick that a word names: the settings may call it something else. A place means the place.
    fn meant<'w>(&'w self, word: &'w str) -> &'w str {
        let named = self.config.as_ref().ok().and_then(|config| config.names.key(word));
        named.filter(|_| word.parse::<Place>().is_err()).unwrap_or(word)
    }

    /// Tells what was found out on the way, where that is asked for.
    pub(crate) fn found_out(&self, code: &'static str, text: String) {
        if self.global.verbose > 0 {
            self.output.event(&Event::Note { code, text });
        }
    }

    /// Whether the command line says which stick.
    pub(crate) fn names_a_stick(&self, wanted: Option<&str>) -> bool {
        wanted.is_some() || self.stick_word.is_some()
    }

    /// The stick that the settings name.
    fn usual(&self) -> Option<&str> {
        self.config.as_ref().ok().and_then(|config| config.stick.as_deref())
    }

    /// Where nothing stands at the place that the settings name, no other stick is meant, and none where they cannot be read. Ids, ports and
    /// serial numbers may be other ones in each mode, and prove nothing.
    ///
    /// # Errors
    /// `NoStick`; those of the settings.
    #[cfg(feature = "config")]
    pub(crate) fn usual_place_is_taken(&self, bus: &mut dyn Bus, wanted: Option<&str>) -> Result<()> {
        if wanted.is_some() {
            return Ok(());
        }
        if let Err(error) = &self.config {
            let next = "correct the file, or name the stick: `--stick PLACE`";
            return Err(crate::config::again(error).detail(Detail::NextStep(next)));
        }
        let Some(place) = self.usual().and_then(|word| word.parse::<Place>().ok()) else { return Ok(()) };
        let sticks = bus.sticks()?;
        if sticks.is_empty() || sticks.iter().any(|stick| stick.place == place) {
            return Ok(());
        }
        let what = format!("no stick stands at {place}, which the settings name as the usual one");
        Err(Error::new(ErrorKind::NoStick, what)
            .with("sticks", sticks.iter().map(|s| s.place.to_string()).collect::<Vec<_>>().join(", "))
            .detail(Detail::NextStep("plug it in, or name another one: `--stick PLACE`")))
    }

    /// Which of several sticks that fit: the one of the settings, else the one that is chosen on the terminal.
    fn choose(&self, fits: &[Stick], wanted: Option<&str>) -> Result<Option<usize>> {
        if let Some(usual) = self.usual().filter(|_| wanted.is_none()) {
            let named: Vec<usize> = (0..fits.len()).filter(|i| select::names(&fits[*i], usual)).collect();
            if let [one] = named[..] {
                return Ok(Some(one));
            }
        }
        if !self.may_ask() {
            return Ok(None);
        }
        self.output.pause();
        question::which(fits)
    }

    /// Whether there is somebody to ask.
    fn may_ask(&self) -> bool {
        !self.global.yes && !self.global.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// What the stick is called; `imei` is what it says itself, where it was asked.
    pub(crate) fn name_of(&self, stick: &Stick, imei: Option<&str>) -> Option<String> {
        self.config.as_ref().ok()?.names.name(stick, imei)
    }

    /// A verb that can do without settings says that it does.
    pub(crate) fn warn_of_config(&self) {
        if let Err(error) = &self.config {
            self.output.warn("config-unusable", format!("the settings cannot be read: {}", error.what()));
        }
    }

    /// Switching profiles, the owner's before the built-in ones. A file of the owner's that cannot be used is warned of.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        for problem in self.opener.profile_problems() {
            self.output.warn("profile-unusable", format!("{}: {}", problem.file, problem.what));
        }
        self.opener.catalogue()
    }

    /// Sleeps until something on the bus may have changed, or until `until`. `false` when the user asked to stop.
    ///
    /// # Errors
    /// What the bus reports.
    pub(crate) fn wait_change(&self, bus: &mut dyn Bus, until: Option<Moment>) -> Result<bool> {
        while !self.cancel.is_cancelled() {
            let mut deadline = until.unwrap_or(bus.now() + LONG);
            if self.approve.is_some() {
                // No signal reaches the thread of a command that another part of the program runs.
                deadline = deadline.min(bus.now() + SHORT * 5);
            }
            if bus.wait_change(deadline)? || until.is_some_and(|until| bus.now() >= until) {
                return Ok(!self.cancel.is_cancelled());
            }
            // The clock of virtual sticks is at the deadline at once, and nothing is to come.
            #[cfg(feature = "virtual")]
            if until.is_none() && self.opener.is_virtual() {
                std::thread::sleep(SHORT);
            }
            // A signal ends the wait a moment before its handler, in another thread, raises the flag.
            let soon = (bus.now() + SHORT).min(deadline);
            if bus.wait_change(soon)? {
                return Ok(!self.cancel.is_cancelled());
            }
        }
        Ok(false)
    }

    /// A session whose events go to the output.
    pub(crate) fn session(&self) -> Session<'_> {
        self.session_with(|_| {})
    }

    /// The same, and every event goes to `also` first.
    pub(crate) fn session_with<'a>(&'a self, also: impl Fn(&Event) + 'a) -> Session<'a> {
        let sink = move |event| {
            also(&event);
            self.owner_hears(&event);
            if matches!(event, Event::Progress { .. }) {
                self.counts_to_ctrl_c();
            }
            self.output.event(&event);
        };
        Session::new(sink, self.cancel.clone())
    }

    /// A session of a verb whose steps are its progress.
    pub(crate) fn session_by_steps(&self) -> Session<'_> {
        self.session_with(|event| {
            if matches!(event, Event::Step { .. }) {
                self.counts_to_ctrl_c();
            }
        })
    }

    /// A virtual owner presses Ctrl-C after so many reports of progress.
    pub(crate) fn counts_to_ctrl_c(&self) {
        if let Some(left @ 1..) = self.until_ctrl_c.get() {
            self.until_ctrl_c.set(Some(left - 1));
            if left == 1 {
                self.cancel.cancel();
            }
        }
    }

    /// Where journals are kept. Virtual sticks have a folder of their own, and those of a state file one for themselves: what happens to them
    /// never touches the journal of a real stick.
    pub(crate) fn journal_folder(&self) -> PathBuf {
        let folder = files::journal_folder();
        #[cfg(feature = "virtual")]
        if self.opener.is_virtual() {
            let folder = folder.join("virtual");
            return match &self.global.virtual_sticks.state {
                Some(file) => folder.join(files::name_for(file)),
                None => folder,
            };
        }
        folder
    }

    #[cfg(not(feature = "virtual"))]
    fn owner_hears(&self, _: &Event) {}

    /// Asks before something is done that was not typed as such: a plan, a restart, a setting that costs the connection. What a verb names by
    /// itself (`delete`, `disconnect`, `use`) it does without a question.
    ///
    /// # Errors
    /// `ConsentNeeded` when the answer is no, or when there is no terminal; `Interrupted`.
    pub(crate) fn confirm(&self, question: &str) -> Result<()> {
        let declined =
            |what: &str| Err(Error::new(ErrorKind::ConsentNeeded, what).with_verdict(Verdict::Untouched));
        if let Some(approve) = &self.approve {
            self.output.question(question);
            let no = if self.global.texts { NOBODY_SAID_YES } else { NOT_AGREED };
            return if approve() { Ok(()) } else { declined(no) };
        }
        if self.global.yes {
            return Ok(());
        }
        if self.global.json || !io::stdin().is_terminal() {
            return declined("not confirmed: there is no terminal to ask on");
        }
        let _ = write!(io::stderr(), "{} [y/N] ", clean::line(question));
        let _ = io::stderr().flush();
        let answer = question::line()?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => declined("declined"),
        }
    }
}

/// After how many reports of progress a virtual owner presses Ctrl-C.
#[cfg(feature = "virtual")]
fn ctrl_c(global: &Global) -> Option<u32> {
    global.virtual_sticks.ctrl_c()
}

#[cfg(not(feature = "virtual"))]
fn ctrl_c(_: &Global) -> Option<u32> {
    None
}

#[cfg(feature = "virtual")]
impl Context {
    /// What the owner of a virtual stick does for an event.
    fn owner_hears(&self, event: &Event) {
        let Some(played) = self.opener.played().filter(|_| self.opener.is_virtual()) else { return };
        match self.global.virtual_sticks.owner {
            Some(VirtualOwner::Needle) => played.owner_hears(event),
            None if asks_for_the_pin(event) => {
                self.output.warn(
                    "no-owner",
                    "nobody holds this virtual stick's boot pin: --owner needle does".into(),
                );
            }
            None => {}
        }
    }

    /// The faults that were asked for and never struck.
    pub(crate) fn unfired(&self) -> Vec<String> {
        let mut unfired = self.opener.played().map_or_else(Vec::new, |played| played.unfired());
        if self.until_ctrl_c.get().is_some_and(|left| left > 0) {
            unfired.extend(
                ctrl_c(&self.global)
                    .map(|number| format!("ctrl-c@{number} (there were fewer reports of progress)")),
            );
        }
        unfired
    }
}
