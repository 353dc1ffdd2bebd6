//! A job: the plan that it made, how far it is, and how it ended. Whoever opens the page sees the same, a second viewer too.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::Value;

use super::profiles::generic;
use super::{Page, Shared, Who, connect, failure_page, nothing};
use crate::guard::Form;
use crate::html::{encoded, field, hidden, list, terms, text, value};
use crate::jobs::{Job, Told};
use crate::operations::CONSENTS;

/// Steps that are shown; a long job has more.
const STEPS: usize = 60;

fn name(page: &Page<'_>, job: &Job) -> String {
    let key = if job.is_plan() {
        format!("plan-of-{}", job.operation.name)
    } else {
        format!("job-{}", job.operation.name)
    };
    page.caller.language.find(&key).map_or_else(|| text(job.operation.name), text)
}

fn title(page: &Page<'_>, job: &Job) -> String {
    let place = job.fields.get("place").map(|place| format!(" · {}", text(place)));
    format!("{}{}", name(page, job), place.unwrap_or_default())
}

pub(super) async fn list_page(State(app): Shared, Extension(caller): Who) -> Response {
    let page = Page::new(&app, &caller);
    let rows = app.jobs.list().into_iter().map(|job| {
        let told = job.told();
        let state = match &told.last {
            Some(last) if job.has_ended() => page.verdict(last),
            _ => format!("<span class=\"badge\">{}</span>", page.t("running")),
        };
        let began = told.began.map(clock).unwrap_or_default();
        format!(
            "<li><a href=\"/jobs/{}\">{}</a> {state} <small>{began}</small></li>",
            job.id,
            title(&page, &job)
        )
    });
    let rows: String = rows.collect();
    let rows = if rows.is_empty() {
        format!("<p>{}</p>", page.t("no-jobs"))
    } else {
        format!("<ul class=\"rows\">{rows}</ul>")
    };
    let body = format!("<div id=\"jobs\" data-part data-live=\"job\">{rows}</div>");
    page.show(&page.t("nav-jobs"), "/jobs", &body)
}

/// Date and time of day, UTC.
pub(super) fn clock(at: Timestamp) -> String {
    at.to_string()
        .replacen('T', " ", 1)
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches('Z')
        .to_owned()
        + " UTC"
}

pub(super) async fn page(State(app): Shared, Extension(caller): Who, Path(id): Path<String>) -> Response {
    let Some(job) = app.jobs.get(&id) else { return nothing(State(app), Extension(caller)).await };
    let page = Page::new(&app, &caller);
    let told = job.told();
    let mut body = format!("<div id=\"job\" data-part data-live=\"job:{}\">", job.id);
    if job.has_ended() {
        body.push_str(&outcome(&page, &job, &told));
    } else {
        body.push_str(&progress(&page, &job, &told));
    }
    let steps = steps(&page, &told);
    if !steps.is_empty() {
        let open = if job.has_ended() { "" } else { " open" };
        let _ = write!(body, "<details{open}><summary>{}</summary>{steps}</details>", page.t("steps"));
    }
    body.push_str("</div>");
    page.show(&title(&page, &job), "/jobs", &body)
}

/// How far a job is: the step, its share, its rate and the time that is left of it.
fn progress(page: &Page<'_>, job: &Job, told: &Told) -> String {
    let step = told
        .lines
        .iter()
        .rev()
        .find(|line| line["event"] == "step")
        .map(|line| field(line, "text"))
        .unwrap_or_default();
    let bar = match told.progress {
        Some((done, total)) if total > 0 => {
            let seconds =
                told.step_began.map_or(0.0, |began| Timestamp::now().duration_since(began).as_secs_f64());
            let rate = done as f64 / seconds.max(0.001);
            let left = if rate > 0.0 { (total.saturating_sub(done)) as f64 / rate } else { 0.0 };
            format!(
                "<progress max=\"{total}\" value=\"{done}\" aria-label=\"{}\"></progress><p>{done} / {total}, {:.0} kB/s, {} {left:.0} s</p>",
                page.t("progress"),
                rate / 1e3,
                page.t("time-left")
            )
        }
        _ if job.stays() => format!("<p>{}</p>", page.t("stays-note")),
        _ => format!("<progress aria-label=\"{}\"></progress>", page.t("progress")),
    };
    let stop = page.form(
        &format!("/jobs/{}/cancel", job.id),
        &format!("<button class=\"quiet\">{}</button>", page.t("stop")),
    );
    // Without a script the page has to be asked for again.
    format!(
        "<div class=\"box\"><p role=\"status\"><strong>{}</strong> <span lang=\"en\">{step}</span></p>{bar}{stop}\
         <noscript><p><a href=\"/jobs/{}\">{}</a></p></noscript></div>",
        page.t("running"),
        job.id,
        page.t("look-again")
    )
}

fn outcome(page: &Page<'_>, job: &Job, told: &Told) -> String {
    let Some(last) = &told.last else { return String::new() };
    if last["event"] == "error" {
        return page.failure(last) + &ways_on(page, job, last);
    }
    if job.is_plan() {
        return plan(page, job, &last["result"]);
    }
    let mut body = format!(
        "<div class=\"box good\" role=\"status\"><p><strong>{}</strong> {}{}</p></div>",
        page.t("done"),
        page.t("stick-is"),
        page.verdict(last)
    );
    let result = &last["result"];
    if result["after"].is_object() {
        let line = |identity: &Value| {
            let parts = ["model", "hardware", "kind", "firmware", "web_ui"].map(|name| field(identity, name));
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
        };
        let (before, after) = (page.t("before"), page.t("after"));
        body.push_str(&terms([
            (before.as_str(), line(&result["before"])),
            (after.as_str(), line(&result["after"])),
        ]));
        let _ = write!(body, "<p><a class=\"button\" href=\"/\">{}</a></p>", page.t("nav-sticks"));
    } else if result["interface"].is_string() {
        body.push_str(&connect::made(page, result));
    } else if result["steps"].is_array() {
        let _ = write!(
            body,
            "<p lang=\"en\"><strong>{}</strong></p><ol lang=\"en\" class=\"steps\">{}</ol>{}{}\
             <p><a class=\"button\" href=\"/sticks/{}/connect\">{}</a></p>",
            field(result, "title"),
            steps_of_plan(page, result),
            list("checks", &result["evidence"]),
            list("warnings", &result["dangers"]),
            encoded(job.fields.get("place").unwrap_or_default()),
            page.t("nav-connect")
        );
    } else if result["networks"].is_array() {
        body.push_str(&networks(page, job, &result["networks"]));
    } else if result["stick"].is_object() {
        let stick = &result["stick"];
        let _ = write!(
            body,
            "<p lang=\"en\">{} → {}: {}</p><p><a class=\"button\" href=\"/\">{}</a></p>",
            field(result, "from"),
            field(stick, "id"),
            field(stick, "mode_text"),
            page.t("nav-sticks")
        );
    } else {
        body.push_str(&generic(result));
    }
    body
}

fn networks(page: &Page<'_>, job: &Job, networks: &Value) -> String {
    let place = hidden("place", job.fields.get("place").unwrap_or_default());
    let rows = networks.as_array().into_iter().flatten().map(|network| {
        let inner = format!(
            "{place}<input type=\"hidden\" name=\"number\" value=\"{}\"><button class=\"quiet\">{}</button>",
            field(network, "number"),
            page.t("select")
        );
        format!(
            "<li>{} <code>{}</code> {} <small lang=\"en\">{}</small>{}</li>",
            field(network, "name"),
            field(network, "number"),
            field(network, "technology"),
            field(network, "state"),
            page.form("/do/use-network", &inner)
        )
    });
    format!("<ul class=\"rows\">{}</ul>", rows.collect::<String>())
}

/// What can be done after a failure: plan the same again, to go on where it stopped.
fn ways_on(page: &Page<'_>, job: &Job, last: &Value) -> String {
    let mut actions = String::new();
    let login = page.login_form(last, job.fields.get("place"));
    if let (true, Some(place)) = (page.app.jobs.engine().is_virtual(), job.fields.get("place")) {
        let inner = format!(
            "{}{}<button class=\"quiet\">{}</button>",
            hidden("place", place),
            hidden("job", &job.id.to_string()),
            page.t("replug")
        );
        actions.push_str(&page.form("/replug", &inner));
    }
    if job.operation.name == "plan-convert" {
        let is_interrupted = !job.is_plan() && last["verdict"] != "untouched";
        let mut inner: String = fields_of(job, |name| name != "resume");
        if is_interrupted || job.fields.has("resume") {
            inner.push_str("<input type=\"hidden\" name=\"resume\" value=\"on\">");
        }
        let key = if is_interrupted { "plan-resume" } else { "plan-again" };
        let _ = write!(inner, "<button>{}</button>", page.t(key));
        actions.push_str(&page.form("/do/plan-convert", &inner));
    } else if job.operation.name == "plan-switch" {
        let inner = format!("{}<button>{}</button>", fields_of(job, |_| true), page.t("plan-again"));
        actions.push_str(&page.form("/do/plan-switch", &inner));
    }
    if let (true, Some(place)) =
        (matches!(job.operation.name, "up" | "preview-up" | "stay"), job.fields.get("place"))
    {
        let _ = write!(
            actions,
            "<a class=\"button\" href=\"/sticks/{}/connect\">{}</a>",
            encoded(place),
            page.t("nav-connect")
        );
    }
    if actions.is_empty() { login } else { format!("{login}<div class=\"actions\">{actions}</div>") }
}

/// The fields of a job as they were given.
fn fields_of(job: &Job, keep: impl Fn(&str) -> bool) -> String {
    let known = |name: &str| job.operation.fields.iter().any(|field| field.name == name);
    let kept = job.fields.0.iter().filter(|(name, value)| known(name) && keep(name) && !value.is_empty());
    kept.map(|(name, value)| hidden(name, value)).collect()
}

/// A plan with its evidence and its dangers: each is agreed to by itself. What blocks it needs a consent, and then a new plan.
fn plan(page: &Page<'_>, job: &Job, plan: &Value) -> String {
    let mut body = String::new();
    if plan["title"].is_string() {
        let _ = write!(body, "<p lang=\"en\"><strong>{}</strong></p>", field(plan, "title"));
    }
    let steps = steps_of_plan(page, plan);
    if !steps.is_empty() {
        let _ = write!(
            body,
            "<section><h2>{}</h2><ol lang=\"en\" class=\"steps\">{steps}</ol></section>",
            page.t("steps")
        );
    }
    if plan["transfers"].is_array() {
        let _ = write!(
            body,
            "<section><h2>{}</h2>{}</section>",
            page.t("what-is-sent"),
            list("transfers", &plan["transfers"])
        );
    }
    let _ = write!(
        body,
        "<section><h2>{}</h2>{}</section>",
        page.t("evidence"),
        list("checks", &plan["evidence"])
    );
    body.push_str(&list("warnings", &plan["remarks"]));

    let objections = plan["objections"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !objections.is_empty() {
        let boxes = objections.iter().map(|objection| {
            let consent = objection["consent"].as_str().unwrap_or_default();
            let known = CONSENTS.iter().find(|name| name.trim_start_matches("allow-") == consent.replace('_', "-"));
            match known {
                Some(name) => format!("<label class=\"choice danger\"><input type=\"checkbox\" name=\"{name}\" value=\"on\"> <span lang=\"en\">{}</span></label>", field(objection, "text")),
                None => format!("<p lang=\"en\">{}</p>", field(objection, "text")),
            }
        });
        let inner = format!(
            "{}{}<button>{}</button>",
            fields_of(job, |_| true),
            boxes.collect::<String>(),
            page.t("plan-with-consents")
        );
        let _ = write!(
            body,
            "<section class=\"box bad\"><h2>{}</h2><p>{}</p>{}</section>",
            page.t("blocking"),
            page.t("blocking-note"),
            page.form(&format!("/do/{}", job.operation.name), &inner)
        );
        return body;
    }
    let dangers = plan["dangers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let boxes = dangers.iter().enumerate().map(|(index, danger)| {
        format!("<label class=\"choice danger\"><input type=\"checkbox\" name=\"danger\" value=\"{index}\" required> <span lang=\"en\">{}</span></label>", value(danger))
    });
    let boxes: String = boxes.collect();
    let heading = if boxes.is_empty() { page.t("start-it") } else { page.t("dangers") };
    let note = if boxes.is_empty() { String::new() } else { format!("<p>{}</p>", page.t("dangers-note")) };
    let shown = if page.may_change() {
        page.form(&format!("/jobs/{}/start", job.id), &format!("{boxes}<button>{}</button>", page.t("start")))
    } else {
        list("dangers", &plan["dangers"])
    };
    let _ = write!(body, "<section class=\"box warn\"><h2>{heading}</h2>{note}{shown}</section>");
    body
}

/// The steps of a plan, each with the partitions that it writes.
fn steps_of_plan(page: &Page<'_>, plan: &Value) -> String {
    let all = plan["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_part = |step: &Value| step["code"] == "flash-partition";
    let mut rows = String::new();
    for (index, step) in all.iter().enumerate().filter(|(_, step)| !is_part(step)) {
        let bytes =
            step["bytes"].as_u64().map(|bytes| format!(" <small>{bytes} {}</small>", page.t("bytes")));
        let parts = all[index + 1..].iter().take_while(|step| is_part(step));
        let parts: String = parts.map(|part| format!("<li>{}</li>", field(part, "text"))).collect();
        let parts = if parts.is_empty() { parts } else { format!("<ul class=\"plain\">{parts}</ul>") };
        let _ = write!(rows, "<li>{}{}{parts}</li>", field(step, "text"), bytes.unwrap_or_default());
    }
    rows
}

/// What was done so far.
fn steps(page: &Page<'_>, told: &Told) -> String {
    let lines: Vec<&Value> = told
        .lines
        .iter()
        .filter(|line| {
            matches!(
                line["event"].as_str(),
                Some("step" | "warning" | "note" | "failed" | "answer" | "online" | "switching" | "switched")
            )
        })
        .collect();
    let left_out = lines.len().saturating_sub(STEPS);
    let rows = lines[left_out..].iter().map(|line| match line["event"].as_str() {
        Some("failed") => format!("<li class=\"warning\">{}</li>", field(&line["failed"], "what")),
        Some("warning") => format!("<li class=\"warning\">{}</li>", field(line, "text")),
        Some("answer") => format!("<li>{}</li>", field(&line["answer"], "text")),
        Some("online") => {
            format!(
                "<li><strong>{}</strong>: {}</li>",
                field(&line["online"], "what"),
                field(&line["online"], "text")
            )
        }
        Some("switching") => {
            let stick = &line["switching"]["stick"];
            format!("<li>{} {} {}</li>", page.t("switching"), field(stick, "place"), field(stick, "name"))
        }
        Some("switched") => {
            let switched = &line["switched"];
            format!("<li>{} → {}</li>", field(switched, "from"), field(&switched["stick"], "id"))
        }
        _ => format!("<li>{}</li>", field(line, "text")),
    });
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    let before =
        if left_out > 0 { format!("<p>{}: {left_out}</p>", page.t("earlier-steps")) } else { String::new() };
    format!("{before}<ol lang=\"en\" class=\"steps\">{rows}</ol>")
}

pub(super) async fn start(
    State(app): Shared,
    Extension(caller): Who,
    Path(id): Path<String>,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    let Some(planned) = app.jobs.get(&id) else { return nothing(State(app), Extension(caller)).await };
    match Arc::clone(&app.jobs).start_plan(&planned, &fields).await {
        Ok(job) => {
            job.wait(Duration::from_secs(1)).await;
            Redirect::to(&format!("/jobs/{}", job.id)).into_response()
        }
        Err(refused) => failure_page(&app, &caller, &refused),
    }
}

pub(super) async fn cancel(State(app): Shared, Extension(caller): Who, Path(id): Path<String>) -> Response {
    let Some(job) = app.jobs.get(&id) else { return nothing(State(app), Extension(caller)).await };
    job.cancel();
    job.wait(Duration::from_secs(2)).await;
    Redirect::to(&format!("/jobs/{}", job.id)).into_response()
}
