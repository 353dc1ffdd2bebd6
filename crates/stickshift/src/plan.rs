//! The plan: what will be done to a stick, why it fits, and what is dangerous about it. Shown before the first byte is sent: the dry run,
//! the question and the web page show this one.
//!
//! ```
//! use stickshift::plan::{Consent, Consents, Objection, Plan};
//!
//! let mut plan = Plan::new("flash 1-1");
//! plan.step("flash", "flash firmware.bin", Some(4096));
//! plan.objections.push(Objection { consent: Consent::Unsigned, text: "the image has no signature".into() });
//! assert!(plan.unanswered(Consents::default()).is_some());
//! assert_eq!(plan.unanswered(Consents { unsigned: true, ..Consents::default() }), None);
//! ```

use serde::Serialize;

/// What will be done, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// What it is about, in one line.
    pub title: String,
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// Why the files fit the stick, or how far that is known.
    pub evidence: Vec<String>,
    /// What can go wrong and what it would cost.
    pub dangers: Vec<String>,
    /// Reasons not to carry it out. Each needs its named consent.
    pub objections: Vec<Objection>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedStep {
    /// Stable code, the same that the step's events carry.
    pub code: &'static str,
    /// One lower-case line.
    pub text: String,
    /// Bytes of payload, where the step sends any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A reason not to carry out the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Objection {
    /// Which consent overrides it.
    pub consent: Consent,
    /// What it is, in one lower-case line.
    pub text: String,
}

/// One named consent per danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// A loader that erases the flash may be started.
    Erase,
    /// An image for other hardware may be flashed.
    Mismatch,
    /// An image without a signature may be flashed.
    Unsigned,
    /// An image in which partitions are missing may be flashed.
    Partial,
    /// A boot loader may be written while no loader for the boot ROM is at hand.
    NoLoader,
}

/// The consents that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// See [`Consent::Erase`].
    pub erase: bool,
    /// See [`Consent::Mismatch`].
    pub mismatch: bool,
    /// See [`Consent::Unsigned`].
    pub unsigned: bool,
    /// See [`Consent::Partial`].
    pub partial: bool,
    /// See [`Consent::NoLoader`].
    pub no_loader: bool,
}

impl Consents {
    /// Whether this one was given.
    pub fn has(self, consent: Consent) -> bool {
        match consent {
            Consent::Erase => self.erase,
            Consent::Mismatch => self.mismatch,
            Consent::Unsigned => self.unsigned,
            Consent::Partial => self.partial,
            Consent::NoLoader => self.no_loader,
        }
    }
}

impl Plan {
    /// An empty plan.
    pub fn new(title: impl Into<String>) -> Self {
        Plan { title: title.into(), ..Plan::default() }
    }

    /// Adds a step.
    pub fn step(&mut self, code: &'static str, text: impl Into<String>, bytes: Option<u64>) {
        self.steps.push(PlannedStep { code, text: text.into(), bytes });
    }

    /// The first objection that no consent was given to.
    pub fn unanswered(&self, consents: Consents) -> Option<&Objection> {
        self.objections.iter().find(|o| !consents.has(o.consent))
    }
}
