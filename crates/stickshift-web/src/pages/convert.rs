//! Conversions: the files, the stick and the direction; and rehearsals.

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::profiles::{file_row, upload_form};
use super::{Page, Shared, Who, query};
use crate::html::{field, text};

pub(super) async fn page(State(app): Shared, Extension(caller): Who, uri: Uri) -> Response {
    let page = Page::new(&app, &caller);
    let query = query(&uri);
    let mut body = format!("<p>{}</p>", page.t("convert-note"));
    if !page.may_change() {
        return page.show(&page.t("nav-convert"), "/convert", &body);
    }
    let files = app.uploads.list();
    let rows: String = files.iter().map(|upload| file_row(&page, upload)).collect();
    let rows = if rows.is_empty() { rows } else { format!("<ul class=\"rows\">{rows}</ul>") };
    let _ = write!(
        body,
        "<section><h2>1. {}</h2><p>{}</p>{}{rows}</section>",
        page.t("files"),
        page.t("files-note"),
        upload_form(&page, "convert")
    );

    let list = app.sampling.sticks();
    let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let _ = write!(body, "<section><h2>2. {}</h2>", page.t("plan"));
    if sticks.is_empty() || files.is_empty() {
        let _ = write!(body, "<p>{}</p></section>", page.t("plan-needs"));
        return page.show(&page.t("nav-convert"), "/convert", &body);
    }
    let options = sticks.iter().map(|stick| {
        let place = field(stick, "place");
        let chosen = if query.get("place") == stick["place"].as_str() { " selected" } else { "" };
        format!(
            "<option value=\"{place}\"{chosen}>{place}: {}, {}</option>",
            field(stick, "name"),
            field(stick, "mode_text")
        )
    });
    let select = |name: &str, key: &'static str, is_required: bool| {
        let none = if is_required {
            String::new()
        } else {
            format!("<option value=\"\">{}</option>", page.t("none"))
        };
        let words: &[&str] = match name {
            "loader" => &["loader", "usblsafe", "usbloader"],
            "webui" => &["webui", "web", "dashboard"],
            _ => &["firmware", "update", "fw"],
        };
        // A guess by the names, so that most owners need not choose.
        let fits = |name: &str| words.iter().any(|word| name.to_lowercase().contains(word));
        let guess = files.iter().rev().find(|upload| fits(&upload.name)).map(|upload| upload.id.clone());
        let options = files.iter().map(|upload| {
            let chosen = if guess.as_ref() == Some(&upload.id) { " selected" } else { "" };
            format!("<option value=\"{}\"{chosen}>{}</option>", upload.id, text(&upload.name))
        });
        format!(
            "<p><label for=\"{name}\">{}</label><select id=\"{name}\" name=\"{name}\">{none}{}</select></p>",
            page.t(key),
            options.collect::<String>()
        )
    };
    let inner = format!(
        "<p><label for=\"place\">{}</label><select id=\"place\" name=\"place\">{}</select></p>\
         <fieldset><legend>{}</legend><label class=\"choice\"><input type=\"radio\" name=\"to\" value=\"stick\" checked> {}</label>\
         <label class=\"choice\"><input type=\"radio\" name=\"to\" value=\"hilink\"> {}</label></fieldset>{}{}{}\
         <label class=\"choice\"><input type=\"checkbox\" name=\"no-updates\" value=\"on\"> {}</label>\
         <label class=\"choice\"><input type=\"checkbox\" name=\"resume\" value=\"on\"> {}</label><button>{}</button>",
        page.t("stick"),
        options.collect::<String>(),
        page.t("direction"),
        page.t("to-stick"),
        page.t("to-hilink"),
        select("firmware", "firmware", true),
        select("webui", "webui", false),
        select("loader", "loader", false),
        page.t("no-updates"),
        page.t("resume-interrupted"),
        page.t("make-plan")
    );
    let _ = write!(body, "<p>{}</p>{}</section>", page.t("plan-note"), page.form("/do/plan-convert", &inner));
    page.show(&page.t("nav-convert"), "/convert", &body)
}

pub(super) async fn rehearse(State(app): Shared, Extension(caller): Who) -> Response {
    let page = Page::new(&app, &caller);
    let inner = format!(
        "<fieldset><legend>{}</legend><label class=\"choice\"><input type=\"radio\" name=\"to\" value=\"stick\" checked> {}</label>\
         <label class=\"choice\"><input type=\"radio\" name=\"to\" value=\"hilink\"> {}</label></fieldset>\
         <p><label for=\"fault\">{}</label><select id=\"fault\" name=\"fault\"><option value=\"\">{}</option><option value=\"powerloss@300\">{}</option>\
         <option value=\"unplug@200\">{}</option></select></p>\
         <label class=\"choice\"><input type=\"checkbox\" name=\"needle\" value=\"on\"> {}</label><button>{}</button>",
        page.t("direction"),
        page.t("to-stick"),
        page.t("to-hilink"),
        page.t("goes-wrong"),
        page.t("nothing"),
        page.t("power-fails"),
        page.t("stick-pulled"),
        page.t("with-needle"),
        page.t("rehearse")
    );
    let body = format!("<p>{}</p>{}", page.t("rehearse-note"), page.form("/do/rehearse", &inner));
    page.show(&page.t("nav-rehearse"), "/rehearse", &body)
}
