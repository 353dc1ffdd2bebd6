//! The plans of all sticks as one: what is the same for several is shown once.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use stickshift::stick::Place;

use crate::output::Report;

/// What will be done to every stick.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Plans {
    plans: Vec<OnePlan>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OnePlan {
    place: String,
    /// As the verb shows it for one stick.
    plan: Value,
}

impl Plans {
    pub(super) fn of<'a>(plans: impl Iterator<Item = (&'a Place, &'a Value)>) -> Plans {
        let plans = plans.map(|(place, plan)| OnePlan { place: place.to_string(), plan: plan.clone() });
        Plans { plans: plans.collect() }
    }
}

/// The lines of a plan, whichever verb's it is.
#[derive(PartialEq)]
struct Shown {
    steps: Vec<String>,
    risks: Vec<String>,
    blocking: Vec<String>,
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().or_else(|| item["text"].as_str()))
}

fn owned<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.map(str::to_owned).collect()
}

fn shown(plan: &Value) -> Shown {
    Shown {
        steps: numbered(plan),
        risks: owned(texts(&plan["dangers"]).chain(texts(&plan["in_use"])).chain(texts(&plan["remarks"]))),
        blocking: owned(texts(&plan["objections"])),
    }
}

/// The steps as lines; the partitions of an image stand below the step that flashes it.
fn numbered(plan: &Value) -> Vec<String> {
    let mut number = 0;
    let steps = [&plan["steps"], &plan["transfers"]].into_iter().filter_map(Value::as_array).flatten();
    let line = |step: &Value| {
        let text = step.as_str().or_else(|| step["text"].as_str())?;
        if step["code"] == "flash-partition" {
            return Some(format!("     {text}"));
        }
        number += 1;
        Some(format!("{number}. {text}"))
    };
    steps.filter_map(line).collect()
}

fn title(one: &OnePlan) -> String {
    let plan = &one.plan;
    match (plan["title"].as_str(), plan["profile"].as_str()) {
        (Some(title), _) => title.to_owned(),
        (None, Some(profile)) => {
            format!("switch {} ({}) by {profile}", one.place, plan["id"].as_str().unwrap_or("?"))
        }
        (None, None) => one.place.clone(),
    }
}

impl Report for Plans {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut groups: Vec<(Shown, Vec<&OnePlan>)> = Vec::new();
        for one in &self.plans {
            let shown = shown(&one.plan);
            match groups.iter_mut().find(|(known, _)| *known == shown) {
                Some((_, sticks)) => sticks.push(one),
                None => groups.push((shown, vec![one])),
            }
        }
        for (shown, sticks) in groups {
            writeln!(
                out,
                "plan for {} of {}:",
                sticks.len(),
                stickshift::error::counted(self.plans.len(), "stick")
            )?;
            let has = |one: &OnePlan, line: &str| texts(&one.plan["evidence"]).any(|known| known == line);
            let of_all = |line: &&str| sticks.iter().all(|one| has(one, line));
            for one in &sticks {
                writeln!(out, "  {}: {}", one.place, title(one))?;
                let own = texts(&one.plan["evidence"]).filter(|line| sticks.len() == 1 || !of_all(line));
                for line in own {
                    writeln!(out, "    - {line}")?;
                }
            }
            if let [first, _, ..] = sticks[..] {
                let mut lines = texts(&first.plan["evidence"]).filter(of_all).peekable();
                if lines.peek().is_some() {
                    writeln!(out, "  checks, the same for each of them:")?;
                }
                lines.try_for_each(|line| writeln!(out, "    - {line}"))?;
            }
            shown.steps.iter().try_for_each(|step| writeln!(out, "  {step}"))?;
            for (name, lines) in [("risks", &shown.risks), ("blocking problems", &shown.blocking)] {
                if !lines.is_empty() {
                    writeln!(out, "  {name}:")?;
                    lines.iter().try_for_each(|line| writeln!(out, "    - {line}"))?;
                }
            }
        }
        Ok(())
    }
}
