//! What is plugged in, and what to do next.

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use super::stick::TABS;
use super::{Page, Shared, Who, failure_page, query};
use crate::fields::Fields;
use crate::guard::Form;
use crate::html::{encoded, field, hidden, list, terms, text};
use crate::jobs::refusal;

pub(super) async fn page(State(app): Shared, Extension(caller): Who, uri: Uri) -> Response {
    let page = Page::new(&app, &caller);
    let mut body = page.done(&query(&uri));
    let _ = write!(body, "<div id=\"sticks\" data-part data-live=\"sticks\" class=\"cards\">");
    match page.read("sticks", &Fields::default()).await {
        Err(failure) => body.push_str(&failure),
        Ok(list) => {
            let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
            if sticks.is_empty() {
                let _ = write!(body, "<p>{}</p>", page.t("no-stick"));
            }
            sticks.iter().for_each(|stick| body.push_str(&card(&page, stick)));
        }
    }
    body.push_str("</div>");
    page.show(&page.t("nav-sticks"), "/", &body)
}

/// Whether a stick in this mode answers to commands or to its web interface.
pub(super) fn can_talk(mode: &str) -> bool {
    matches!(mode, "modem" | "hilink" | "hilink-serial")
}

fn card(page: &Page<'_>, stick: &Value) -> String {
    let place = stick["place"].as_str().unwrap_or_default();
    let mode = stick["mode"].as_str().unwrap_or_default();
    let at = encoded(place);
    let ports = stick["interfaces"].as_array().into_iter().flatten().filter_map(|interface| {
        let node = ["tty", "netdev", "cdc_wdm"].into_iter().find_map(|name| interface[name].as_str())?;
        let holder =
            interface["holder"].as_str().map(|holder| format!(" ({} {})", page.t("held-by"), text(holder)));
        Some(format!("{} {}{}", field(interface, "role"), text(node), holder.unwrap_or_default()))
    });
    let ports = ports.collect::<Vec<_>>().join("<br>");
    let led = page.caller.language.find(&format!("led-{mode}")).map(text).unwrap_or_default();
    let about = terms([
        (page.t("place").as_str(), text(place)),
        (page.t("usb-ids").as_str(), field(stick, "id")),
        (page.t("mode").as_str(), format!("<span lang=\"en\">{}</span>", field(stick, "mode_text"))),
        (page.t("led").as_str(), led),
        (page.t("ports").as_str(), ports),
        (page.t("next").as_str(), format!("<span lang=\"en\">{}</span>", field(stick, "next"))),
    ]);
    let mut actions = String::new();
    if can_talk(mode) {
        for (path, key) in TABS {
            let _ = write!(actions, "<a class=\"button\" href=\"/sticks/{at}{path}\">{}</a>", page.t(key));
        }
    }
    if mode == "cdrom" {
        let inner = format!("{}<button>{}</button>", hidden("place", place), page.t("plan-switch"));
        actions.push_str(&page.form("/do/plan-switch", &inner));
    }
    if !matches!(mode, "cdrom" | "unknown") {
        let _ =
            write!(actions, "<a class=\"button\" href=\"/convert?place={at}\">{}</a>", page.t("nav-convert"));
    }
    if page.app.jobs.engine().is_virtual() {
        let inner =
            format!("{}<button class=\"quiet\">{}</button>", hidden("place", place), page.t("replug"));
        actions.push_str(&page.form("/replug", &inner));
    }
    let evidence = list("plain", &stick["evidence"]);
    format!(
        "<article class=\"card\"><h2 lang=\"en\">{}</h2>{about}<details><summary>{}</summary>{evidence}</details><div class=\"actions\">{actions}</div></article>",
        field(stick, "name"),
        page.t("evidence")
    )
}

pub(super) async fn replug(
    State(app): Shared,
    Extension(caller): Who,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    if !fields.get("place").is_some_and(|place| app.jobs.engine().replug(place)) {
        return failure_page(
            &app,
            &caller,
            &refusal("not-found", "there is no virtual stick at this place", "", 3),
        );
    }
    app.jobs.changed.notify_one();
    let back = fields.get("job").and_then(|id| app.jobs.get(id));
    let to = back.map_or_else(|| "/".to_owned(), |job| format!("/jobs/{}", job.id));
    Redirect::to(&to).into_response()
}
