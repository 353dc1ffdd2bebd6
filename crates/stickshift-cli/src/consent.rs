//! What verbs that change a stick have in common: the plan is shown, objections need their consent, the question is asked.

#[cfg(feature = "flash")]
use stickshift::boot::Loader;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::plan::Consent;
use stickshift::plan::{Consents, Plan};

use crate::context::Context;
use crate::output::json::Outcome;
use crate::output::plan::option;

/// Shows the plan and asks. `Ok(false)` after a dry run.
///
/// # Errors
/// The objection's own kind when its consent is missing, `ConsentNeeded` when the plan is declined. The stick is untouched.
pub(crate) fn agree(context: &Context, plan: &Plan, consents: Consents, dry_run: bool) -> Result<bool> {
    let shown = with_consents(plan, consents);
    if dry_run {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&shown);
        return Ok(false);
    }
    context.output.interim("plan", &shown);
    if let Some(objection) = plan.unanswered(consents) {
        let kind = match objection.consent {
            Consent::Erase => ErrorKind::LoaderErases,
            Consent::Mismatch => ErrorKind::ImageMismatch,
            Consent::Unsigned => ErrorKind::SignatureRefused,
            Consent::Partial => ErrorKind::ImageIncomplete,
            Consent::NoLoader => ErrorKind::LoaderMissing,
        };
        return Err(Error::new(kind, objection.text.clone())
            .with("consent", option(objection.consent))
            .with_verdict(Verdict::Untouched));
    }
    context.confirm("Proceed?")?;
    Ok(true)
}

/// The plan of this run: what was consented to is no problem any more that blocks it, but a risk that is taken.
fn with_consents(plan: &Plan, consents: Consents) -> Plan {
    let mut plan = plan.clone();
    let (given, missing): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.objections).into_iter().partition(|o| consents.has(o.consent));
    let taken = given.into_iter().map(|o| format!("{} (allowed by {})", o.text, option(o.consent)));
    plan.dangers.extend(taken);
    plan.objections = missing;
    plan
}

/// Reads a loader and takes out its erase call, unless `keep_erase`.
///
/// # Errors
/// What reading and parsing report.
#[cfg(feature = "flash")]
pub(crate) fn loader(path: &std::path::Path, keep_erase: bool) -> Result<Loader> {
    let mut loader = Loader::parse(crate::files::read(path)?)?;
    loader.change(&stickshift::boot::Changes { keep_erase, ..Default::default() })?;
    Ok(loader)
}
