//! What became of each stick: the rows on the screen and in `--json`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stickshift::convert::journal::Secret;
use stickshift::error::{ErrorKind, Verdict, counted};
use stickshift::mask;
use stickshift::modem::Identity;
use stickshift::stick::{Mode, Place, Stick, product_name};

use crate::output::Report;
use crate::output::json::Outcome;

/// What became of one stick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    pub(crate) place: String,
    /// What the settings call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    /// Its USB ids when the run began.
    id: String,
    product: Option<String>,
    /// Masked.
    serial: Option<String>,
    /// Masked.
    imei: Option<String>,
    before: Option<String>,
    /// What it says now, or what stands at its place.
    after: Option<String>,
    /// done, sent, untouched, recoverable or unknown; none while nothing has become of it.
    verdict: Option<String>,
    /// The exit code of this stick alone.
    exit: u8,
    seconds: Option<f64>,
    /// The kind of its failure.
    kind: Option<String>,
    what: Option<String>,
    /// What to do next with a stick that failed.
    next: Option<String>,
    /// Whether an interrupted run was gone on with.
    resumed: bool,
    /// Whether an earlier run of the same command did it.
    earlier: bool,
    /// Tells the stick from others: a hash of its IMEI. The record alone has it.
    #[serde(skip)]
    pub(super) key: Option<String>,
    /// How an earlier run left it in the middle, where it stands so still: verdict, exit code and next step.
    #[serde(skip)]
    left_as: Option<(String, u8, Option<String>)>,
}

impl Row {
    pub(super) fn of(stick: &Stick, called: Option<String>) -> Row {
        Row {
            called,
            place: stick.place.to_string(),
            id: stick.id.to_string(),
            product: product_name(stick.id)
                .map(str::to_owned)
                .or_else(|| stick.product.as_deref().map(mask::name)),
            serial: stick.serial.as_deref().map(mask::identity),
            before: Some(stick.mode.code().to_owned()),
            ..Row::default()
        }
    }

    /// What the stick says of itself.
    pub(super) fn identify(&mut self, identity: &Identity, secret: &Secret) {
        if let Some(product) = identity.product.as_ref().or(identity.model.as_ref()) {
            self.product = Some(mask::name(product));
        }
        if let Some(serial) = &identity.serial {
            self.serial = Some(mask::identity(serial));
        }
        if let Some(imei) = &identity.imei {
            self.imei = Some(mask::identity(imei));
            self.key = Some(secret.hash(imei));
        }
        self.before = Some(firmware(identity)).or(self.before.take());
    }

    pub(super) fn with_key(self, key: Option<String>) -> Row {
        Row { key, ..self }
    }

    pub(super) fn is_called(&mut self, called: Option<String>) {
        self.called = called;
    }

    pub(super) fn resumes(&mut self) {
        self.resumed = true;
    }

    /// Remembers how an earlier run left the stick at this place in the middle. One that runs firmware is in the middle of nothing.
    pub(super) fn was_left(&mut self, earlier: &[Row]) {
        let waits =
            [Mode::BootRom, Mode::Download].iter().any(|mode| self.before.as_deref() == Some(mode.code()));
        let same = earlier.iter().find(|row| row.place == self.place && row.is_in_the_middle());
        if let (true, Some(Row { verdict: Some(verdict), exit, next, .. })) = (waits, same) {
            self.left_as = Some((verdict.clone(), *exit, next.clone()));
        }
    }

    /// A run that did not begin takes nothing of that back.
    fn stands_as_left(&mut self) {
        if self.verdict.as_deref() != Some("untouched") || self.exit == 0 {
            return;
        }
        if let Some((verdict, exit, next)) = self.left_as.take() {
            (self.verdict, self.exit) = (Some(verdict), exit);
            self.next = next.or(self.next.take());
        }
    }

    pub(super) fn is_there_already(&mut self) {
        self.after.clone_from(&self.before);
        self.verdict = Some("untouched".to_owned());
        self.what = Some("it is what it is to become".to_owned());
    }

    /// What is true of a stick whose run ends before it does, as by a power cut.
    pub(super) fn begun(&self) -> Row {
        Row {
            verdict: Some("unknown".to_owned()),
            exit: 7,
            kind: Some(ErrorKind::Interrupted.code().to_owned()),
            what: Some("the run ended before this stick did".to_owned()),
            next: Some("`stickshift list` shows what it is in; then run the same command again".to_owned()),
            ..self.clone()
        }
    }

    pub(super) fn is_not_begun(&mut self) {
        self.verdict = Some("untouched".to_owned());
        self.exit = 1;
        self.kind = Some(ErrorKind::Io.code().to_owned());
        self.what = Some("not begun: no thread could be started".to_owned());
        self.next = Some("run the same command again".to_owned());
        self.stands_as_left();
    }

    /// Where an earlier run left it in the middle: how.
    fn left(&self) -> Option<&str> {
        let left = self.left_as.as_ref().map(|(verdict, ..)| verdict.as_str());
        left.or(self.verdict.as_deref().filter(|_| self.is_in_the_middle()))
    }

    /// Another command talks to the stick, and is not disturbed.
    pub(super) fn left_alone(self) -> Row {
        let mut row = Row {
            verdict: Some("untouched".to_owned()),
            exit: 4,
            kind: Some(ErrorKind::PortBusy.code().to_owned()),
            what: Some("not begun: another command talks to the stick".to_owned()),
            next: Some("run the same command again once the other one has ended".to_owned()),
            ..self
        };
        row.stands_as_left();
        row
    }

    /// The last line of its run, and what stands at its place now.
    pub(super) fn end(
        &mut self,
        last: &Value,
        told: (Option<String>, Option<String>),
        shows: Option<String>,
        took: Duration,
        gives_loader: bool,
    ) {
        let text = |name: &str| last[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.verdict = Some(text("verdict").unwrap_or_else(|| "unknown".to_owned()));
        self.exit = last["exit"].as_u64().and_then(|exit| u8::try_from(exit).ok()).unwrap_or(7);
        self.seconds = Some((took.as_secs_f64() * 10.0).round() / 10.0);
        let (before, after) = told;
        self.before = before.or(self.before.take());
        self.after = after.or(shows);
        self.is_now(&last["result"]["after"]);
        // Another stick is there than the one that was interrupted, or this run ended before it began.
        self.resumed &= self.verdict.as_deref() != Some("untouched");
        if last["event"] != "result" {
            (self.kind, self.what) = (text("kind"), text("what"));
            // What an untouched stick is left as is no step.
            let step = if self.verdict.as_deref() == Some("untouched") { "help" } else { "recover" };
            let next = text(step).map(|next| of_all(&next));
            self.next = next.map(|next| match gives_loader {
                true => next.replace(" again with the loader;", " again;"),
                false => next,
            });
            self.stands_as_left();
        }
    }

    /// What a stick said that could not be asked before, as in its boot ROM or in download mode. Identities come masked.
    fn is_now(&mut self, identity: &Value) {
        let text = |names: &[&str]| names.iter().find_map(|name| identity[name].as_str()).map(str::to_owned);
        self.product = text(&["product", "model"]).or(self.product.take());
        self.serial = self.serial.take().or_else(|| text(&["serial"]));
        self.imei = self.imei.take().or_else(|| text(&["imei"]));
    }

    pub(super) fn is_finished(&self) -> bool {
        self.verdict.is_some()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.is_finished() && self.exit == 0
    }

    /// Whether it was begun, and did not end as it should.
    pub(super) fn is_in_the_middle(&self) -> bool {
        self.rank().0 > 1
    }

    /// The worst comes last.
    fn rank(&self) -> (u8, u8) {
        let rank = match self.verdict.as_deref() {
            Some("done" | "sent") => 0,
            Some("untouched") => u8::from(self.exit != 0),
            Some("recoverable") => 2,
            _ => 3,
        };
        (rank, self.exit)
    }

    /// In the order of the columns of a report in CSV.
    pub(super) fn fields(&self) -> [String; 16] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        [
            self.place.clone(),
            self.id.clone(),
            text(&self.product),
            text(&self.serial),
            text(&self.imei),
            text(&self.before),
            text(&self.after),
            text(&self.verdict),
            self.exit.to_string(),
            self.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
            text(&self.kind),
            text(&self.what),
            text(&self.next),
            self.resumed.to_string(),
            self.earlier.to_string(),
            text(&self.called),
        ]
    }
}

/// Advice for one stick as it is for all: the same command resumes by itself, and takes no `--resume`.
fn of_all(next: &str) -> String {
    const ALONE: &str = " for this stick alone: its place in place of --all";
    let names = [
        ("; once something was written, with --resume", ""),
        (" with --resume and with ", " with "),
        (" with --resume and ", " with "),
        (" with --resume", ""),
        (" (without --resume)", ""),
        (", without --resume", ALONE),
        (" without --resume", ALONE),
    ];
    names.iter().fold(next.to_owned(), |next, (one, all)| next.replace(one, all))
}

/// The firmware that an identity names, in two words.
pub(crate) fn firmware(identity: &Identity) -> String {
    let version = identity.firmware.as_deref().unwrap_or("?");
    format!("{} {version}", identity.kind.unwrap_or("unknown"))
}

impl Report for Row {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        let called = self.called.as_ref().map(|called| format!(" ({called})")).unwrap_or_default();
        write!(out, "{}  {}{called}  {}: ", self.place, text(&self.product), text(&self.verdict))?;
        match (&self.kind, &self.what) {
            (Some(kind), Some(what)) => write!(out, "{what} ({kind})")?,
            (None, Some(what)) => write!(out, "{what}, {}", text(&self.after))?,
            _ => write!(out, "{} -> {}", text(&self.before), text(&self.after))?,
        }
        if let Some(seconds) = self.seconds {
            write!(out, ", {seconds:.0} s")?;
        }
        if self.earlier {
            write!(out, ", in an earlier run")?;
        }
        writeln!(out)?;
        match &self.next {
            Some(next) if self.exit != 0 => writeln!(out, "  next: {next}"),
            _ => Ok(()),
        }
    }
}

/// What became of every stick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rows {
    /// The sticks that are here. They alone count.
    rows: Vec<Row>,
    /// Sticks that an earlier run of the same command left in the middle, and that are not here now.
    #[serde(default)]
    absent: Vec<Row>,
}

impl Rows {
    /// In place of what this run said of the same stick before.
    pub(super) fn add(&mut self, row: Row) {
        self.rows.retain(|before| before.place != row.place);
        self.rows.push(row);
        self.sort();
    }

    fn sort(&mut self) {
        self.rows.sort_by_key(|row| row.place.parse::<Place>().ok());
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// The sticks that are here, and those that are left in the middle somewhere else.
    pub(super) fn known(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(&self.absent)
    }

    /// Takes over what an earlier run did to sticks that need nothing now, and which it left in the middle that are not here.
    /// `others` are the places of sticks that the command is not for, as those that it served may be.
    pub(super) fn remember<'a>(
        &mut self,
        earlier: Vec<Row>,
        left: impl Iterator<Item = &'a Row>,
        others: &[String],
    ) {
        let present: Vec<Row> = left.cloned().chain(self.rows.iter().cloned()).collect();
        let now = |row: &Row| {
            let all = || present.iter();
            let differ = |now: &Row| matches!((&now.key, &row.key), (Some(now), Some(then)) if now != then);
            // Another IMEI is another stick. The same one elsewhere is the same stick, unless one with it stands where it stood.
            all()
                .find(|now| now.place == row.place && !differ(now))
                .or_else(|| all().find(|now| row.key.is_some() && now.key == row.key))
        };
        let mut kept = Vec::new();
        for row in earlier {
            match now(&row) {
                // It has what it was given then.
                Some(now) if now.is_done() && row.is_done() => {
                    kept.push(Row { place: now.place.clone(), earlier: true, ..row });
                }
                None if row.is_done() && others.contains(&row.place) => {
                    kept.push(Row { earlier: true, ..row });
                }
                None if row.is_in_the_middle() => self.absent.push(Row { earlier: true, ..row }),
                _ => {}
            }
        }
        kept.into_iter().for_each(|row| self.add(row));
    }

    /// What a run is to say that ends before it did anything to these rows and to those that `wait`: what earlier runs left in the middle is so still.
    pub(super) fn as_left<'a>(&'a self, wait: impl Iterator<Item = &'a Row>) -> Option<Verdict> {
        let left: Vec<&str> = self.rows.iter().chain(wait).filter_map(Row::left).collect();
        [Verdict::Unknown, Verdict::Recoverable].into_iter().find(|verdict| left.contains(&verdict.as_str()))
    }

    /// The exit code of the worst.
    pub(super) fn exit(&self) -> u8 {
        self.rows.iter().map(Row::rank).max().map_or(0, |(_, exit)| exit)
    }

    /// What the sticks are left as: the worst of it.
    pub(super) fn outcome(&self) -> Outcome {
        let has = |verdict: &str| self.rows.iter().any(|row| row.verdict.as_deref() == Some(verdict));
        match self.rows.iter().map(|row| row.rank().0).max() {
            Some(3) => Outcome::Unknown,
            Some(2) => Outcome::Recoverable,
            _ if has("sent") => Outcome::Sent,
            _ if has("done") => Outcome::Done,
            _ => Outcome::Untouched,
        }
    }

    /// The same beside a failure.
    pub(crate) fn verdict(&self) -> Verdict {
        self.outcome().verdict()
    }
}

impl Report for Rows {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut counts: BTreeMap<(u8, &str), usize> = BTreeMap::new();
        for row in &self.rows {
            let word = match (row.verdict.as_deref(), row.exit) {
                (Some("untouched"), 0) => "needed nothing",
                (Some("untouched"), _) => "failed, untouched",
                (Some(verdict), _) => verdict,
                (None, _) => "unknown",
            };
            *counts.entry((row.rank().0, word)).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|((_, word), count)| format!("{count} {word}")).collect();
        writeln!(out, "{}: {}", counted(self.rows.len(), "stick"), counts.join(", "))?;
        if !self.absent.is_empty() {
            writeln!(
                out,
                "not here, and left in the middle by an earlier run: {}; plug them in and run the same command again (--anew forgets them)",
                names(&self.absent)
            )?;
        }
        Ok(())
    }
}

/// Sticks by what tells them apart: where they were, what they are, and what is shown of their IMEI.
pub(super) fn names(rows: &[Row]) -> String {
    let name = |row: &Row| {
        let parts = [Some(&row.place), row.product.as_ref(), row.imei.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(place: &str, verdict: &str, exit: u8) -> Row {
        Row { place: place.into(), verdict: Some(verdict.into()), exit, ..Row::default() }
    }

    #[test]
    fn no_advice_names_an_option_that_all_refuses() {
        use stickshift::error::{Detail, Error, Shows};

        use crate::advice::{self, Attempt};
        use crate::recovery::{self, Work};
        let details =
            [Detail::Unrecorded, Detail::PlaceShows(Shows::BootRom), Detail::PlaceShows(Shows::Nothing)];
        for kind in ErrorKind::ALL {
            for (verb, work) in [("flash", Work::Flash), ("convert", Work::Convert), ("switch", Work::Switch)]
            {
                for detail in &details {
                    let error = Error::new(*kind, "x").detail(detail.clone());
                    for verdict in [Verdict::Untouched, Verdict::Recoverable, Verdict::Unknown] {
                        let tried = Attempt { verb, work, ..Attempt::default() };
                        let help = advice::of(&error, verdict, tried).help;
                        for next in [recovery::of(&error, verdict, work), help.to_string()] {
                            let text = of_all(&next);
                            assert!(
                                !text.contains("--resume") && !text.contains("with with"),
                                "{kind}: {text}"
                            );
                        }
                    }
                }
            }
        }
        let told = of_all("run the same command again with --resume and with the loader; if not, unplug it");
        assert_eq!(told, "run the same command again with the loader; if not, unplug it");
    }

    #[test]
    fn a_run_that_does_not_begin_takes_no_verdict_back() {
        let left = Row { next: Some("go on".into()), ..row("1-1", "recoverable", 6) };
        let waits = |mode: Mode| {
            let mut row = Row { place: "1-1".into(), before: Some(mode.code().into()), ..Row::default() };
            row.was_left(std::slice::from_ref(&left));
            row
        };
        let end = |row: &mut Row, verdict: &str, exit: u8| {
            let last = serde_json::json!({"event": "error", "verdict": verdict, "exit": exit, "kind": "interrupted"});
            row.end(&last, (None, None), None, Duration::ZERO, false);
            (row.verdict.clone().unwrap(), row.exit)
        };
        for mode in [Mode::BootRom, Mode::Download] {
            assert_eq!(end(&mut waits(mode), "untouched", 6), ("recoverable".to_owned(), 6));
            assert_eq!(waits(mode).left_alone().verdict.as_deref(), Some("recoverable"));
            assert_eq!(end(&mut waits(mode), "unknown", 7), ("unknown".to_owned(), 7));
        }
        assert!(waits(Mode::Download).left_alone().is_in_the_middle());
        let none_begun =
            |rows: Vec<Row>, mode| Rows { rows, ..Rows::default() }.as_left([waits(mode)].iter());
        assert_eq!(none_begun(vec![], Mode::Download), Some(Verdict::Recoverable));
        assert_eq!(none_begun(vec![row("1-2", "untouched", 5), row("1-3", "done", 0)], Mode::Modem), None);
        assert_eq!(none_begun(vec![row("1-2", "unknown", 7)], Mode::Download), Some(Verdict::Unknown));
        // It runs: whatever was left in the middle is over.
        assert_eq!(end(&mut waits(Mode::Modem), "untouched", 6), ("untouched".to_owned(), 6));
    }

    #[test]
    fn the_worst_verdict_decides() {
        let exit = |rows: &[(&str, u8)]| {
            let rows = rows.iter().map(|(verdict, exit)| row("1-1", verdict, *exit)).collect();
            Rows { rows, ..Rows::default() }.exit()
        };
        assert_eq!(exit(&[]), 0);
        assert_eq!(exit(&[("done", 0), ("untouched", 0)]), 0);
        assert_eq!(exit(&[("done", 0), ("untouched", 5), ("untouched", 4)]), 5);
        assert_eq!(exit(&[("untouched", 5), ("recoverable", 6), ("done", 0)]), 6);
        assert_eq!(exit(&[("unknown", 7), ("recoverable", 6)]), 7);
    }

    #[test]
    fn what_is_left_recoverable_or_unknown_is_not_told_as_done() {
        let outcome = |rows: &[(&str, u8)]| {
            let rows = rows.iter().map(|(verdict, exit)| row("1-1", verdict, *exit)).collect();
            let rows = Rows { rows, ..Rows::default() };
            (rows.outcome(), rows.verdict())
        };
        assert_eq!(outcome(&[("untouched", 0)]), (Outcome::Untouched, Verdict::Untouched));
        assert_eq!(outcome(&[("done", 0), ("untouched", 5)]), (Outcome::Done, Verdict::Done));
        assert_eq!(outcome(&[("done", 0), ("sent", 0)]), (Outcome::Sent, Verdict::Unknown));
        assert_eq!(outcome(&[("sent", 0), ("recoverable", 6)]), (Outcome::Recoverable, Verdict::Recoverable));
        assert_eq!(outcome(&[("recoverable", 6), ("unknown", 7)]), (Outcome::Unknown, Verdict::Unknown));
    }

    #[test]
    fn a_stick_that_was_in_work_at_a_power_cut_is_not_forgotten() {
        let begun = Row { place: "1-2".into(), ..Row::default() }.begun();
        let mut rows = Rows { rows: vec![row("1-1", "done", 0)], ..Rows::default() };
        rows.remember(vec![begun.clone(), row("1-3", "untouched", 5)], std::iter::empty(), &[]);
        assert_eq!((rows.exit(), rows.outcome()), (0, Outcome::Done));
        let known: Vec<_> = rows.known().map(|row| row.place.as_str()).collect();
        assert_eq!(known, ["1-1", "1-2"]);
        // It is there again, and is done.
        let mut rows = Rows::default();
        rows.remember(vec![begun.clone()], [Row { place: "1-2".into(), ..Row::default() }].iter(), &[]);
        rows.add(begun);
        rows.add(row("1-2", "done", 0));
        assert_eq!((rows.rows.len(), rows.exit()), (1, 0));
    }

    #[test]
    fn sticks_that_changed_their_places_keep_what_was_done_to_them() {
        let of = |place: &str, key: &str| Row { key: Some(key.into()), ..row(place, "done", 0) };
        let mut rows = Rows { rows: vec![of("1-1", "b"), of("1-2", "a")], ..Rows::default() };
        rows.remember(vec![of("1-1", "a"), of("1-2", "b")], std::iter::empty(), &[]);
        let keys: Vec<_> = rows.all().map(|row| row.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["b", "a"]);
    }
}
