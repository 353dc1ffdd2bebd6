//! Going online through a stick and back: how the connection stands, what it is asked to be, and the login to HiLink firmware.

use std::fmt::Write;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::Value;

use super::job::clock;
use super::stick::{amount, of, tabs, title};
use super::{Page, Shared, Who, query};
use crate::api;
use crate::guard::Form;
use crate::html::{encoded, field, hidden, list, terms, text, value};

pub(super) async fn page(
    State(app): Shared,
    Extension(caller): Who,
    Path(place): Path<String>,
    uri: Uri,
) -> Response {
    let page = Page::new(&app, &caller);
    let mut body = tabs(&page, &place, "/connect");
    body.push_str(&page.done(&query(&uri)));
    body.push_str(&state(&page, &place).await);
    if page.may_change() {
        let inner =
            format!("{}<button class=\"quiet\">{}</button>", hidden("place", &place), page.t("disconnect"));
        let _ = write!(body, "{}<section><h2>{}</h2>", page.form("/do/down", &inner), page.t("connect"));
        let suggested = page.read("apn", &of(&place)).await;
        body.push_str(suggested.as_ref().err().map_or("", String::as_str));
        body.push_str(&form(&page, &place, suggested.as_ref().ok()));
        body.push_str("</section>");
    }
    page.show(&title(&page, "nav-connect", &place), "/", &body)
}

/// How the connection of this computer through a stick stands, as a part that follows what commands do.
pub(super) async fn state(page: &Page<'_>, place: &str) -> String {
    let mut body = format!(
        "<section id=\"connection\" data-part data-live=\"job:{}\"><h2>{}</h2>",
        text(place),
        page.t("connection")
    );
    let known = page.app.jobs.connections.of(place);
    match page.read("online", &of(place)).await {
        Err(failure) => body.push_str(&failure),
        Ok(status) => {
            // What is recorded of a PIN that was refused is no connection.
            let way = status["way"].as_str().filter(|way| *way != "pin-refused");
            let (class, key) = match (status["online"].as_bool(), way) {
                (Some(true), _) => ("done", "is-online"),
                (_, Some(_)) => ("recoverable", "is-recorded"),
                _ => ("", "is-offline"),
            };
            let bytes = |name: &str| status[name].as_f64().map(amount);
            let traffic = match (bytes("received"), bytes("sent")) {
                (Some(received), Some(sent)) => {
                    format!("{} {received}, {} {sent}", page.t("received"), page.t("sent-data"))
                }
                _ => String::new(),
            };
            let since = known.since.filter(|_| status["online"] == true).map(|at| {
                let seconds = Timestamp::now().as_second().saturating_sub(at.as_second()).max(0);
                let time = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
                format!("{time} ({})", clock(at))
            });
            let rows = [
                ("state", format!("<span class=\"badge {class}\">{}</span>", page.t(key))),
                ("way", way.map(text).unwrap_or_default()),
                ("interface", field(&status, "interface")),
                ("apn", field(&status, "apn")),
                ("address", value(&status["addresses"])),
                ("dns", value(&status["dns"])),
                ("traffic", traffic),
                ("connected-for", since.unwrap_or_default()),
            ];
            body.push_str(&terms(rows.map(|(key, value)| (page.caller.language.get(key), value))));
        }
    }
    if let Some((at, why)) = known.drop {
        let _ = write!(
            body,
            "<p><strong>{}</strong> {}: <span lang=\"en\">{}</span></p>",
            page.t("last-drop"),
            clock(at),
            text(&why)
        );
    }
    body + "</section>"
}

/// A connection that was just made.
pub(super) fn made(page: &Page<'_>, connection: &Value) -> String {
    let apn =
        format!("{} <small lang=\"en\">{}</small>", field(connection, "apn"), field(connection, "apn_from"));
    let rows = [
        ("way", field(connection, "way")),
        ("interface", field(connection, "interface")),
        ("operator", field(connection, "operator")),
        ("apn", apn),
        ("address", value(&connection["addresses"])),
        ("dns", value(&connection["dns"])),
        ("answers", format!("<span lang=\"en\">{}</span>", value(&connection["reaches"]))),
    ];
    terms(rows.map(|(key, value)| (page.caller.language.get(key), value)))
        + &list("plain", &connection["changed"])
        + &format!(
            "<p><a class=\"button\" href=\"/sticks/{}\">{}</a></p>",
            encoded(connection["place"].as_str().unwrap_or_default()),
            page.t("nav-status")
        )
}

/// What a connection can be asked to be. What is left empty follows from the SIM and from the stick.
fn form(page: &Page<'_>, place: &str, suggested: Option<&Value>) -> String {
    let apn = suggested.map(|suggested| (field(suggested, "apn"), field(suggested, "apn_from")));
    let (hint, note) = match &apn {
        Some((name, from)) if !name.is_empty() => (
            name.as_str(),
            format!("{} <strong>{name}</strong> (<span lang=\"en\">{from}</span>)", page.t("apn-suggested")),
        ),
        _ => ("", page.t("apn-none")),
    };
    let input = |name: &str, key: &'static str, kind: &str, note: &str, hint: &str| {
        let note =
            if note.is_empty() { String::new() } else { format!("<small id=\"{name}-note\">{note}</small>") };
        let described =
            if note.is_empty() { String::new() } else { format!(" aria-describedby=\"{name}-note\"") };
        format!(
            "<p><label for=\"{name}\">{}</label><input id=\"{name}\" name=\"{name}\" type=\"{kind}\" \
             placeholder=\"{hint}\" autocomplete=\"off\"{described}>{note}</p>",
            page.t(key)
        )
    };
    let select = |name: &str, key: &'static str, values: &[(&str, &str)]| {
        let options = values.iter().map(|(value, label)| {
            let label = page.caller.language.find(label).unwrap_or(label);
            format!("<option value=\"{value}\">{}</option>", text(label))
        });
        format!(
            "<p><label for=\"{name}\">{}</label><select id=\"{name}\" name=\"{name}\">{}</select></p>",
            page.t(key),
            options.collect::<String>()
        )
    };
    let tick = |name: &str, key: &'static str| {
        format!(
            "<label class=\"choice\"><input type=\"checkbox\" name=\"{name}\" value=\"on\"> {}</label>",
            page.t(key)
        )
    };
    let auth =
        [("", "by-itself"), ("none", "none"), ("pap", "PAP"), ("chap", "CHAP"), ("mschapv2", "MS-CHAPv2")];
    let ip = [("", "by-itself"), ("v4v6", "IPv4 + IPv6"), ("v4", "IPv4"), ("v6", "IPv6")];
    let ways = [
        ("", "by-itself"),
        ("ncm", "NCM"),
        ("ppp", "PPP"),
        ("hilink", "HiLink"),
        ("mbim", "MBIM"),
        ("ecm", "ECM"),
    ];
    // The clock of virtual sticks stands still while no command runs: nothing would be watched.
    let stay = if page.app.jobs.engine().is_virtual() { String::new() } else { tick("stay", "stay-note") };
    let inner = format!(
        "{}{}{}{}{stay}<details><summary>{}</summary>{}{}{}{}{}{}</details>\
         <div class=\"actions\"><button>{}</button><button class=\"quiet\" formaction=\"/do/preview-up\">{}</button></div>",
        hidden("place", place),
        input("apn", "apn", "text", &note, hint),
        input("pin", "pin", "password", &page.t("pin-note"), ""),
        tick("roaming", "roaming-note"),
        page.t("more"),
        input("user", "user", "text", "", ""),
        input("password", "password", "password", "", ""),
        select("auth", "auth", &auth),
        select("ip", "ip", &ip),
        select("way", "way", &ways),
        tick("no-default", "no-default-note"),
        page.t("connect"),
        page.t("preview")
    );
    page.form("/do/up", &inner)
}

pub(super) async fn log_in(
    State(app): Shared,
    Extension(caller): Who,
    Path(place): Path<String>,
    Extension(Form(mut fields)): Extension<Form>,
) -> Response {
    fields.push("place", place.as_str());
    let line = app.jobs.log_in(fields).await;
    if line["event"] == "result" {
        return Redirect::to(&format!("/sticks/{}", encoded(&place))).into_response();
    }
    let page = Page::new(&app, &caller);
    let body = page.failure(&line) + &page.login_form(&line, Some(&place));
    (api::status(&line), page.show(&title(&page, "stick-login", &place), "/", &body)).into_response()
}

pub(super) async fn log_out(State(app): Shared, Path(place): Path<String>) -> Response {
    app.jobs.log_out(&place);
    Redirect::to(&format!("/sticks/{}", encoded(&place))).into_response()
}
