//! A plan as text: steps, checks, risks, and problems that need a consent.

use std::io::{self, Write};

use stickshift::plan::Consent;
use stickshift::plan::{Consents, Plan};

use super::Report;

impl Report for Plan {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "plan: {}", self.title)?;
        for (number, step) in self.steps.iter().filter(|s| s.code != "flash-partition").enumerate() {
            match step.bytes {
                Some(bytes) => writeln!(out, "  {}. {} ({bytes} bytes)", number + 1, step.text)?,
                None => writeln!(out, "  {}. {}", number + 1, step.text)?,
            }
            let partitions = self.steps.iter().skip_while(|s| !std::ptr::eq(*s, step)).skip(1);
            for partition in partitions.take_while(|s| s.code == "flash-partition") {
                writeln!(out, "       {}", partition.text)?;
            }
        }
        lines(out, "checks", &self.evidence)?;
        lines(out, "risks", &self.dangers)?;
        let objections: Vec<String> =
            self.objections.iter().map(|o| format!("{} (needs {})", o.text, option(o.consent))).collect();
        lines(out, "blocking problems", &objections)
    }
}

fn lines(out: &mut dyn Write, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {title}:")?;
    lines.iter().try_for_each(|line| writeln!(out, "    - {line}"))
}

/// The option that gives a consent.
pub(crate) fn option(consent: Consent) -> &'static str {
    match consent {
        Consent::Erase => "--allow-erase",
        Consent::Mismatch => "--allow-mismatch",
        Consent::Unsigned => "--allow-unsigned",
        Consent::Partial => "--allow-partial",
        Consent::NoLoader => "--allow-no-loader",
    }
}

/// The consent of a verb that starts a loader.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct EraseConsentArgs {
    /// Start a loader that erases the whole flash, or that cannot be shown not to: IMEI, serial number and calibration are lost
    #[arg(long, help_heading = "Consents")]
    pub(crate) allow_erase: bool,
}

/// The consents of a verb that flashes.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct ImageConsentArgs {
    /// Flash an image that is made for other hardware or for the other direction, or where the image or the stick does not say which stick it is
    #[arg(long, help_heading = "Consents")]
    allow_mismatch: bool,

    /// Flash an image without a signature where one is expected, or whose signature is not of its contents
    #[arg(long, help_heading = "Consents")]
    allow_unsigned: bool,

    /// Flash an image in which partitions are missing
    #[arg(long, help_heading = "Consents")]
    allow_partial: bool,
}

impl From<ImageConsentArgs> for Consents {
    fn from(args: ImageConsentArgs) -> Consents {
        Consents {
            mismatch: args.allow_mismatch,
            unsigned: args.allow_unsigned,
            partial: args.allow_partial,
            ..Consents::default()
        }
    }
}
