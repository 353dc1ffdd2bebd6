//! What a loader does to the flash when it starts, as far as its code shows.
//!
//! A stock loader erases the whole flash, and with it the IMEI, the serial number and the radio calibration
//! (docs/protocols/balong-boot.md section 4).

use crate::boot::loader::{Block, Loader};
use crate::boot::patch::{Call, EraseFamily, EraseSite, NO_BLOCKS};
use crate::error::{Error, ErrorKind, Result, Verdict};

/// A loop that counts zero blocks is this near to the start of its routine.
const ROUTINE_REACH: usize = 1024;

/// What a stock loader destroys.
pub const WOULD_LOSE: &str = "IMEI, serial number and radio calibration";

/// Whether a loader erases the whole flash when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Safety {
    /// The call of the erase-everything routine is in place: it erases.
    Stock,
    /// It would have erased; the call was taken out since the file was read.
    PatchedHere,
    /// The file comes with the call or the routine taken out.
    AlreadySafe,
    /// Nothing known was found, for or against; or the code before the erase call, and neither the call nor what a patch leaves.
    Unknown,
}

impl Safety {
    /// The stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Safety::Stock => "stock",
            Safety::PatchedHere => "patched-here",
            Safety::AlreadySafe => "already-safe",
            Safety::Unknown => "unknown",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Safety::Stock => "stock: erases the whole flash when it starts",
            Safety::PatchedHere => "patched here: the erase call is taken out",
            Safety::AlreadySafe => "already safe: the file comes with the erase taken out",
            Safety::Unknown => "unknown: nothing shows whether it erases",
        }
    }
}

/// One thing seen in the code that the assessment rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// One lower-case line.
    pub text: String,
    /// Where in the file.
    pub offset: u64,
    /// The bytes there.
    pub bytes: Vec<u8>,
}

/// A loader's safety, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The verdict on the loader.
    pub safety: Safety,
    /// The shape of the erase call, where one was found.
    pub family: Option<EraseFamily>,
    /// What it rests on; empty where nothing was found.
    pub evidence: Vec<Evidence>,
}

impl Loader {
    /// Assesses the loader as it is now, with the changes made to it: by the worst of the places that call the erase routine.
    pub fn assess(&self) -> Assessment {
        let usbldr = self.block(Block::Usbldr);
        let (sites, marks) = EraseSite::all_and_marks(usbldr);
        // A call can be followed: only a mark in the very routine that it leads to counts.
        let mark_of = |site: &EraseSite| {
            let target = site.target()?;
            marks.iter().copied().find(|at| (target..target + ROUTINE_REACH).contains(at))
        };
        let is_spared = |site: &EraseSite| site.call == Call::Removed || mark_of(site).is_some();

        let mut evidence: Vec<Evidence> = sites.iter().map(|site| self.site_evidence(site)).collect();
        let mut shown: Vec<usize> = sites.iter().filter_map(mark_of).collect();
        if sites.is_empty() {
            shown.extend(marks.first());
        }
        shown.sort_unstable();
        shown.dedup();
        evidence.extend(shown.iter().map(|at| Evidence {
            text: "the erase routine counts zero blocks (an older hand patch)".to_owned(),
            offset: self.file_offset(*at),
            bytes: NO_BLOCKS.to_vec(),
        }));

        let live = sites.iter().position(|site| site.call == Call::Live && !is_spared(site));
        let worst = live.or_else(|| sites.iter().position(|site| !is_spared(site)));
        let patched_here = self.changes().iter().any(|c| c.what == "erase-patch");
        let safety = match (worst, sites.is_empty() && shown.is_empty()) {
            (Some(_), _) if live.is_some() => Safety::Stock,
            (Some(_), _) | (None, true) => Safety::Unknown,
            (None, false) if patched_here => Safety::PatchedHere,
            (None, false) => Safety::AlreadySafe,
        };
        if let Some(worst) = worst {
            evidence[..sites.len()].swap(0, worst);
        }
        let family = sites.get(worst.unwrap_or(0)).map(|s| s.family);
        Assessment { safety, family, evidence }
    }

    fn site_evidence(&self, site: &EraseSite) -> Evidence {
        let fit = if site.exact { "" } else { ", with other load offsets" };
        let what = match (site.call, site.bytes.len()) {
            (Call::Live, 1) => "the branch around the erase call is conditional",
            (Call::Live, _) => "the erase call is in place",
            (Call::Removed, 1) => "the branch around the erase call is always taken",
            (Call::Removed, _) => "mov r0, #0 stands where the erase call was",
            (Call::NotSeen, _) => "the code before the erase call is there, but no call follows it",
        };
        Evidence {
            text: format!("{what} ({} pattern at {:#x}{fit})", site.family, self.file_offset(site.matched)),
            offset: self.file_offset(site.at),
            bytes: site.bytes.clone(),
        }
    }

    /// To be called before the loader is sent: refuses one that erases, or may, unless `consent` says that this is wanted.
    ///
    /// # Errors
    /// `LoaderErases` with the facts `loader` (the [`Safety`] code) and `would-lose`, and `family` and `offset` where known.
    pub fn refuse_erasing(&self, consent: bool) -> Result<()> {
        let assessment = self.assess();
        let what = match assessment.safety {
            Safety::PatchedHere | Safety::AlreadySafe => return Ok(()),
            _ if consent => return Ok(()),
            Safety::Stock => {
                format!("this loader erases the whole flash when it starts: {WOULD_LOSE} would be lost")
            }
            Safety::Unknown => format!(
                "nothing shows that this loader spares the flash: if it is a stock loader, {WOULD_LOSE} would be lost"
            ),
        };
        let mut error = Error::new(ErrorKind::LoaderErases, what)
            .with("loader", assessment.safety.code())
            .with("would-lose", WOULD_LOSE);
        if let (Some(family), Some(evidence)) = (assessment.family, assessment.evidence.first()) {
            error = error.with("family", family).with("offset", format_args!("{:#x}", evidence.offset));
        }
        Err(error.with_verdict(Verdict::Untouched))
    }
}
