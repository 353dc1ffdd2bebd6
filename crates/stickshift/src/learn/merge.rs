//! Two switches that are one.

use crate::learn::Switch;
use crate::learn::assess::MAX_CANDIDATES;
use crate::profile::{Method, Parameters};

/// Sony's request makes another stick, and a configuration is selected on that: one profile says both.
pub(super) fn one_of_two(mut switches: Vec<Switch>) -> Vec<Switch> {
    let best = |s: &Switch| s.candidates.first().and_then(|c| c.parameters.clone()).unwrap_or_default();
    let mut at = 0;
    while at < switches.len() {
        let only_configures = |s: &Switch| {
            let configured = Parameters { configuration: best(s).configuration, ..Parameters::default() };
            s.target == s.id && best(s).configuration.is_some() && best(s) == configured
        };
        let after = switches[at].after.filter(|_| best(&switches[at]).has(Method::Sony));
        let second = switches.iter().position(|s| Some(s.before) == after && only_configures(s));
        let Some(second) = second else {
            at += 1;
            continue;
        };
        let second = switches.remove(second);
        let Some(first) = switches.iter_mut().find(|s| s.after == Some(second.before)) else { continue };
        if let Some(candidate) = first.candidates.first_mut()
            && let Some(parameters) = &mut candidate.parameters
        {
            parameters.configuration = best(&second).configuration;
            candidate.what = parameters.summary();
            candidate.evidence.extend(second.candidates.into_iter().take(1).flat_map(|c| c.evidence));
        }
        at = 0;
    }
    switches
}

/// The same switch, seen several times, is one: the surest stands for all.
pub(super) fn together(switches: Vec<Switch>) -> Vec<Switch> {
    let mut found: Vec<Switch> = Vec::new();
    for switch in switches {
        let best = |s: &Switch| s.candidates.first().and_then(|c| c.parameters.clone());
        let known = found.iter_mut().find(|f| {
            (f.id, f.target) == (switch.id, switch.target) && best(f) == best(&switch) && f.id.is_some()
        });
        match known {
            Some(known) => {
                known.times += 1;
                for candidate in switch.candidates {
                    let told = known.candidates.iter().any(|k| {
                        k.parameters.is_some() && k.parameters == candidate.parameters
                            || k.what == candidate.what
                    });
                    if !told && known.candidates.len() < MAX_CANDIDATES {
                        known.candidates.push(candidate);
                    }
                }
                known.candidates.sort_by_key(|c| std::cmp::Reverse(c.score));
            }
            None => found.push(switch),
        }
    }
    found
}
