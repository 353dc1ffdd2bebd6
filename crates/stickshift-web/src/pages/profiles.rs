//! Modem settings: switching profiles, and files that hold them or lead to them.

use std::fmt::Write;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use serde_json::Value;
use stickshift::hex;

use super::{Page, Shared, Who, failure_page, nothing, query};
use crate::access::is_same;
use crate::api::{self, receive};
use crate::fields::{Bad, Fields};
use crate::guard::{Form, text as plain};
use crate::html::{encoded, field, list, terms, text, value};
use crate::jobs::refusal;
use crate::multipart::{Broken, Head, Parts};
use crate::operations;
use crate::requests::bad_field;
use crate::uploads::Upload;

/// Profiles on one page; a search shows others.
const SHOWN: usize = 30;
/// A field of a form with a file is at most so long, and has to be there by then.
const FIELD: usize = 1 << 10;
const FIELD_TIME: Duration = Duration::from_secs(10);

/// Formats to download, and the ends of their names.
pub(super) const FORMATS: [(&str, &str); 5] = [
    ("tplink", "TP-Link (.bin)"),
    ("usb-modeswitch", "usb_modeswitch"),
    ("openwrt", "OpenWrt (usb-mode.json)"),
    ("udev", "udev"),
    ("stickshift", "stickshift"),
];

/// The form that uploads a file and then leads to what is in it, or back to `to`.
pub(super) fn upload_form(page: &Page<'_>, to: &str) -> String {
    if !page.may_change() {
        return String::new();
    }
    format!(
        "<form method=\"post\" action=\"/upload\" enctype=\"multipart/form-data\">{}<input type=\"hidden\" name=\"to\" value=\"{to}\">\
         <p><label for=\"file\">{}</label><input id=\"file\" name=\"file\" type=\"file\" required></p><button>{}</button></form>",
        page.token(),
        page.t("file"),
        page.t("upload")
    )
}

pub(super) async fn page(State(app): Shared, Extension(caller): Who, uri: Uri) -> Response {
    let page = Page::new(&app, &caller);
    let query = query(&uri);
    let mut body = page.done(&query);
    if page.may_change() {
        let _ = write!(
            body,
            "<section><h2>{}</h2><p>{}</p>{}",
            page.t("upload-profile"),
            page.t("upload-profile-note"),
            upload_form(&page, "contents")
        );
        let files: String = app.uploads.list().iter().map(|upload| file_row(&page, upload)).collect();
        if !files.is_empty() {
            let _ = write!(body, "<h3>{}</h3><ul class=\"rows\">{files}</ul>", page.t("uploaded"));
        }
        body.push_str("</section>");
    }
    let wanted = query.get("text").unwrap_or_default();
    let _ = write!(
        body,
        "<section><h2>{}</h2><form method=\"get\" action=\"/profiles\" role=\"search\"><p><label for=\"search\">{}</label>\
         <input id=\"search\" name=\"text\" type=\"search\" value=\"{}\" placeholder=\"12d1:1526\"></p><button>{}</button></form>",
        page.t("profiles"),
        page.t("search"),
        text(wanted),
        page.t("find")
    );
    match page.read("profiles", &Fields(vec![("text".into(), wanted.into())])).await {
        Err(failure) => body.push_str(&failure),
        Ok(found) => {
            let mut profiles: Vec<&Value> = found["profiles"].as_array().into_iter().flatten().collect();
            // The owner's before the many that come with the program.
            profiles.sort_by_key(|profile| profile["origin"] == "built-in");
            let rows = profiles.iter().take(SHOWN).map(|profile| {
                let key = profile["key"].as_str().unwrap_or_default();
                let ids = key.get(..9).unwrap_or(key);
                let own = if profile["origin"] == "built-in" { String::new() } else { format!(" <span class=\"badge\">{}</span>", field(profile, "origin")) };
                format!("<li lang=\"en\"><a href=\"/profiles/{}\"><code>{}</code></a> {}{own} <small>{}</small></li>", encoded(ids), text(key), field(profile, "name"), field(profile, "method"))
            });
            let rows: String = rows.collect();
            let _ =
                write!(body, "<p>{}: {}</p><ul class=\"rows\">{rows}</ul>", page.t("found"), profiles.len());
            if profiles.len() > SHOWN {
                let _ = write!(body, "<p>{}</p>", page.t("search-for-more"));
            }
        }
    }
    body.push_str("</section>");
    page.show(&page.t("nav-profiles"), "/profiles", &body)
}

pub(super) fn file_row(page: &Page<'_>, upload: &Upload) -> String {
    let remove = format!(
        "<input type=\"hidden\" name=\"file\" value=\"{}\"><button class=\"quiet\">{}</button>",
        upload.id,
        page.t("remove")
    );
    format!(
        "<li><a href=\"/files/{}\">{}</a> <small>{} {}</small>{}</li>",
        upload.id,
        text(&upload.name),
        upload.bytes,
        page.t("bytes"),
        page.form("/remove", &remove)
    )
}

/// What a profile does, in words and in the parameters of usb_modeswitch.
fn profile(page: &Page<'_>, profile: &Value) -> String {
    let about = terms([
        (page.t("usb-ids").as_str(), format!("<code>{}</code>", field(profile, "key"))),
        (page.t("method").as_str(), field(profile, "method")),
        (page.t("becomes").as_str(), field(profile, "targets")),
        (page.t("source").as_str(), field(profile, "source")),
        (page.t("origin").as_str(), field(profile, "origin")),
    ]);
    let lines =
        profile["parameters"].as_array().into_iter().flatten().map(value).collect::<Vec<_>>().join("\n");
    let lines = if lines.is_empty() { lines } else { format!("<pre tabindex=\"0\">{lines}</pre>") };
    let name = ["name", "key"]
        .map(|name| field(profile, name))
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    format!("<article class=\"card\" lang=\"en\"><h2>{}</h2>{about}{lines}</article>", name)
}

fn downloads(page: &Page<'_>, what: &str, name: &str) -> String {
    let links = FORMATS.map(|(format, label)| {
        format!("<a class=\"button\" href=\"/download/{what}/{}/{format}\">{label}</a>", encoded(name))
    });
    format!(
        "<section><h2>{}</h2><div class=\"actions\">{}</div></section>",
        page.t("download"),
        links.concat()
    )
}

pub(super) async fn of_ids(State(app): Shared, Extension(caller): Who, Path(ids): Path<String>) -> Response {
    let page = Page::new(&app, &caller);
    let mut body = String::new();
    match page.read("profile", &Fields(vec![("ids".into(), ids.clone())])).await {
        Err(failure) => body.push_str(&failure),
        Ok(found) => {
            let profiles = found["profiles"].as_array().map(Vec::as_slice).unwrap_or_default();
            profiles.iter().for_each(|one| body.push_str(&profile(&page, one)));
            if !profiles.is_empty() {
                body.push_str(&downloads(&page, "ids", &ids));
            }
            let leading: String =
                found["comes_from"].as_array().into_iter().flatten().map(|one| profile(&page, one)).collect();
            if !leading.is_empty() {
                let _ = write!(body, "<section><h2>{}</h2>{leading}</section>", page.t("leads-here"));
            }
            if profiles.iter().any(|one| one["origin"] != "built-in") {
                let inner = format!(
                    "<input type=\"hidden\" name=\"ids\" value=\"{}\"><button class=\"danger\">{}</button>",
                    text(&ids),
                    page.t("delete")
                );
                let _ = write!(
                    body,
                    "<section><h2>{}</h2><p>{}</p>{}</section>",
                    page.t("delete-profile"),
                    page.t("delete-profile-note"),
                    page.form("/profiles/remove", &inner)
                );
            }
        }
    }
    page.show(&text(&ids), "/profiles", &body)
}

pub(super) async fn of_file(State(app): Shared, Extension(caller): Who, Path(id): Path<String>) -> Response {
    let Some(upload) = app.uploads.get(&id) else { return nothing(State(app), Extension(caller)).await };
    let page = Page::new(&app, &caller);
    let file = Fields(vec![("file".into(), id.clone())]);
    let mut body = String::new();
    match page.read("inspect", &file).await {
        Err(failure) => body.push_str(&failure),
        Ok(found) if found["files"][0]["entries"].is_array() => {
            body.push_str(&checked(&page, &id, &found["files"][0]))
        }
        Ok(found) => {
            let is_capture = found["profile"].is_object() || found["lesson"].is_object();
            if is_capture {
                body.push_str(&downloads(&page, "learned", &id));
            }
            body.push_str(&generic(&found));
        }
    }
    page.show(&text(&upload.name), "/profiles", &body)
}

/// A file with profiles: what they do, what is refused, and what can be done with them.
fn checked(page: &Page<'_>, id: &str, file: &Value) -> String {
    let usable = file["state"] == "usable";
    let (class, key) = if usable { ("good", "profile-usable") } else { ("bad", "profile-unusable") };
    let mut body = format!(
        "<div class=\"box {class}\" role=\"status\"><p>{} (<span lang=\"en\">{}</span>)</p></div>",
        page.t(key),
        field(file, "format_text")
    );
    for refused in file["refused"].as_array().into_iter().flatten() {
        let _ = write!(
            body,
            "<div class=\"box bad\" role=\"alert\"><p><strong>{}</strong> <span lang=\"en\">{}: {}</span></p><pre tabindex=\"0\">{}</pre></div>",
            page.t("refused"),
            field(refused, "entry"),
            field(refused, "why"),
            field(refused, "text")
        );
    }
    body.push_str(&list("faults", &file["faults"]));
    body.push_str(&list("warnings", &file["warnings"]));
    let entries = file["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().take(SHOWN).for_each(|entry| body.push_str(&profile(page, entry)));
    let [entry] = entries else {
        if usable {
            body.push_str(&downloads(page, "file", id));
        }
        return body;
    };
    let key = entry["key"].as_str().unwrap_or_default();
    let ids = text(key.get(..9).unwrap_or(key));
    if usable && page.may_change() {
        let hidden = format!(
            "<input type=\"hidden\" name=\"file\" value=\"{id}\"><input type=\"hidden\" name=\"ids\" value=\"{ids}\">"
        );
        let trial =
            page.form("/do/try-profile", &format!("{hidden}<button>{}</button>", page.t("try-virtual")));
        let add = page.form("/profiles/add", &format!("{hidden}<button>{}</button>", page.t("add-profile")));
        let mut plugged = String::new();
        let list = page.app.sampling.sticks();
        for stick in
            list["sticks"].as_array().into_iter().flatten().filter(|stick| stick["id"] == ids.as_str())
        {
            let place = field(stick, "place");
            let inner = format!(
                "<input type=\"hidden\" name=\"file\" value=\"{id}\"><input type=\"hidden\" name=\"place\" value=\"{place}\"><button>{} {place}</button>",
                page.t("plan-with")
            );
            plugged.push_str(&page.form("/do/plan-switch", &inner));
        }
        let _ = write!(
            body,
            "<section><h2>{}</h2><div class=\"actions\">{trial}{plugged}{add}</div></section>",
            page.t("use-it")
        );
    }
    if usable {
        body.push_str(&downloads(page, "file", id));
    }
    body
}

/// Any report as terms and lists.
pub(super) fn generic(report: &Value) -> String {
    match report {
        Value::Object(fields) => {
            let rows = fields.iter().filter(|(_, value)| !value.is_null());
            let rows = rows.map(|(name, value)| {
                format!("<div><dt>{}</dt><dd>{}</dd></div>", text(&name.replace('_', " ")), generic(value))
            });
            format!("<dl lang=\"en\">{}</dl>", rows.collect::<String>())
        }
        Value::Array(values) if values.iter().any(|v| v.is_object() || v.is_array()) => {
            format!(
                "<ul>{}</ul>",
                values
                    .iter()
                    .take(200)
                    .map(|value| format!("<li>{}</li>", generic(value)))
                    .collect::<String>()
            )
        }
        other => value(other),
    }
}

pub(super) async fn upload(State(app): Shared, Extension(caller): Who, request: Request) -> Response {
    let failed = |line: &Value| failure_page(&app, &caller, line);
    let kind = plain(request.headers(), header::CONTENT_TYPE).to_owned();
    let Some(mut parts) = Parts::new(&kind, request.into_body().into_data_stream()) else {
        return failed(&refusal("usage", "this is no form with a file", "", 2));
    };
    let mut to = String::new();
    // The token comes before the file: a file of somebody else is not even kept for a moment.
    let mut is_ours = caller.token.is_empty();
    loop {
        let fields = async {
            let Some(head) = parts.next().await? else { return Ok::<_, Broken>(None) };
            match head.name.as_str() {
                "token" => is_ours = is_same(&parts.text(FIELD).await?, &caller.token),
                "to" => to = parts.text(FIELD).await?,
                _ => return Ok(Some(head)),
            }
            Ok(Some(Head::default()))
        };
        match tokio::time::timeout(FIELD_TIME, fields).await {
            Ok(Ok(Some(head))) if head.name.is_empty() => {}
            Ok(Ok(Some(head))) if head.name == "file" && is_ours => {
                let pieces = stream::unfold(parts, |mut parts| async move {
                    parts.piece().await.transpose().map(|piece| (piece, parts))
                });
                return match receive(&app, &head.file_name, Box::pin(pieces)).await {
                    Ok(_) if to == "convert" => Redirect::to("/convert").into_response(),
                    Ok(upload) => Redirect::to(&format!("/files/{}", upload.id)).into_response(),
                    Err(refused) => failed(&refused),
                };
            }
            Ok(Ok(Some(head))) if head.name != "file" => {
                let what =
                    format!("{:?} is no field of this request; taken here: token, to, file", head.name);
                return failed(&bad_field(&Bad { name: head.name, what }));
            }
            Ok(Ok(Some(_))) => {
                let what =
                    "the token of the session is missing, or is that of another one: load the page again";
                return failed(&refusal("wrong-token", what, "", 5));
            }
            Ok(Ok(None)) => return failed(&refusal("usage", "there is no file in the form", "", 2)),
            Ok(Err(Broken)) => return failed(&refusal("usage", "the form does not read", "", 2)),
            Err(_) => return failed(&refusal("timeout", "the form did not come in time", "", 2)),
        }
    }
}

pub(super) async fn remove_file(State(app): Shared, Extension(Form(fields)): Extension<Form>) -> Response {
    app.uploads.remove(fields.get("file").unwrap_or_default());
    Redirect::to("/profiles").into_response()
}

/// Puts the profile of a file among the owner's.
pub(super) async fn add(
    State(app): Shared,
    Extension(caller): Who,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    let Some(upload) = fields.get("file").and_then(|id| app.uploads.get(id)) else {
        return nothing(State(app), Extension(caller)).await;
    };
    let Some(target) = own_profile(&app, &fields) else {
        return failure_page(&app, &caller, &refusal("usage", "these are no USB ids", "", 2));
    };
    let (Some(file), Some(target)) = (upload.path.to_str(), target.to_str()) else {
        return failure_page(&app, &caller, &refusal("usage", "a folder has an odd name", "", 2));
    };
    let words = ["profile", "convert", "--to=usb-modeswitch", &format!("--output={target}"), "--", file];
    let line = app.jobs.run(words.map(str::to_owned).to_vec(), None, Duration::ZERO).await;
    if line["event"] == "result" {
        return Redirect::to(&format!("/profiles/{}", encoded(fields.get("ids").unwrap_or_default())))
            .into_response();
    }
    failure_page(&app, &caller, &line)
}

/// The file of the owner's profile for the ids that a form names.
fn own_profile(app: &crate::server::App, fields: &Fields) -> Option<std::path::PathBuf> {
    let ids = fields.get("ids")?.parse::<stickshift::stick::UsbId>().ok()?;
    Some(app.jobs.engine().profile_folder().join(ids.to_string()))
}

pub(super) async fn remove(
    State(app): Shared,
    Extension(caller): Who,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    let Some(target) = own_profile(&app, &fields) else {
        return failure_page(&app, &caller, &refusal("usage", "these are no USB ids", "", 2));
    };
    match std::fs::remove_file(&target) {
        Ok(()) => Redirect::to("/profiles").into_response(),
        Err(e) => {
            let what = format!("{} cannot be deleted: {e}", target.display());
            failure_page(
                &app,
                &caller,
                &refusal("file-unwritable", &what, "only profiles that were added here are deleted here", 4),
            )
        }
    }
}

/// A profile as a file.
pub(super) async fn download(
    State(app): Shared,
    Extension(caller): Who,
    Path((what, name, format)): Path<(String, String, String)>,
) -> Response {
    let (operation, field) = match what.as_str() {
        "ids" => ("profile-as", "ids"),
        "file" => ("file-as", "file"),
        "learned" => ("learned-as", "file"),
        _ => return nothing(State(app), Extension(caller)).await,
    };
    let Some(operation) = operations::named(operation) else {
        return nothing(State(app), Extension(caller)).await;
    };
    let fields = Fields(vec![(field.into(), name.clone()), ("format".into(), format.clone())]);
    let line = app.jobs.read(operation, &fields).await;
    let result = &line["result"];
    let bytes = match (result["text"].as_str(), result["hex"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(hex)) => hex::decode(hex).unwrap_or_default(),
        (None, None) => return (api::status(&line), failure_page(&app, &caller, &line)).into_response(),
    };
    let suggested =
        result["suggested_name"].as_str().map_or_else(|| format!("stick-{format}"), str::to_owned);
    let plain: String = suggested
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' })
        .collect();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}
