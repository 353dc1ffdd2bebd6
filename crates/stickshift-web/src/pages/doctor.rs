//! What on this computer stands in the way.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::{Page, Shared, Who};
use crate::fields::Fields;
use crate::html::field;

pub(super) async fn page(State(app): Shared, Extension(caller): Who) -> Response {
    let page = Page::new(&app, &caller);
    let body = match page.read("doctor", &Fields::default()).await {
        Err(failure) => failure,
        Ok(diagnosis) => {
            let problems = match diagnosis["problems"].as_u64() {
                Some(0) => format!("<p class=\"box good\">{}</p>", page.t("no-problems")),
                _ => format!(
                    "<p class=\"box warn\">{}: {}</p>",
                    page.t("problems"),
                    field(&diagnosis, "problems")
                ),
            };
            let findings = diagnosis["findings"].as_array().into_iter().flatten().map(|finding| {
                let state = finding["state"].as_str().unwrap_or_default();
                let (class, key) = match state {
                    "fine" => ("done", "finding-fine"),
                    "lacking" => ("recoverable", "finding-lacking"),
                    _ => ("unknown", "finding-in-the-way"),
                };
                let fix = field(finding, "fix");
                let fix = if fix.is_empty() {
                    fix
                } else {
                    format!("<p><strong>{}</strong> <span lang=\"en\">{fix}</span></p>", page.t("help"))
                };
                let sign = page.caller.language.get(key);
                format!(
                    "<li><span class=\"badge {class}\">{sign}</span> <span lang=\"en\">{}</span>{fix}</li>",
                    field(finding, "text")
                )
            });
            format!("{problems}<ul class=\"findings\">{}</ul>", findings.collect::<String>())
        }
    };
    page.show(&page.t("nav-doctor"), "/doctor", &body)
}
