//! One stick: its status with the signal's history, its messages, its network.

use std::fmt::Write;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::{Page, Shared, Who, connect, query};
use crate::fields::Fields;
use crate::html::{encoded, field, hidden, list, terms, text, value};
use crate::metrics::power;
use crate::sampling::Sample;

pub(super) fn of(place: &str) -> Fields {
    Fields(vec![("place".into(), place.into())])
}

/// The pages of a stick: the end of the path, and its title.
pub(super) const TABS: [(&str, &str); 4] = [
    ("", "nav-status"),
    ("/connect", "nav-connect"),
    ("/messages", "nav-messages"),
    ("/network", "nav-network"),
];

/// Where else this stick can be looked at.
pub(super) fn tabs(page: &Page<'_>, place: &str, current: &str) -> String {
    let tabs = TABS.into_iter().map(|(path, key)| {
        let is_current = if path == current { " aria-current=\"page\"" } else { "" };
        format!("<li><a href=\"/sticks/{}{path}\"{is_current}>{}</a></li>", encoded(place), page.t(key))
    });
    format!(
        "<nav class=\"tabs\" aria-label=\"{}\"><ul>{}</ul></nav>",
        page.t("stick"),
        tabs.collect::<String>()
    )
}

pub(super) fn title(page: &Page<'_>, key: &'static str, place: &str) -> String {
    format!("{} · {}", page.t(key), text(place))
}

pub(super) async fn status(
    State(app): Shared,
    Extension(caller): Who,
    Path(place): Path<String>,
) -> Response {
    let page = Page::new(&app, &caller);
    app.sampling.looked_at(&place);
    let mut body = tabs(&page, &place, "");
    let _ = write!(
        body,
        "<section id=\"signal\" data-part data-live=\"signal:{}\"><h2>{}</h2>",
        text(&place),
        page.t("signal")
    );
    match page.read("signal", &of(&place)).await {
        Err(failure) => body.push_str(&failure),
        Ok(signal) => {
            if app.sampling.samples(&place).is_empty() {
                app.sampling.add(&place, signal.clone());
            }
            body.push_str(&reception(&page, &signal));
            body.push_str(&plot(&page, &app.sampling.samples(&place)));
        }
    }
    body.push_str("</section>");
    body.push_str(&connect::state(&page, &place).await);
    if is_hilink(&page, &place) {
        let _ = write!(body, "<section><h2>{}</h2>", page.t("own-router"));
        match page.read("connection", &of(&place)).await {
            Ok(status) => body.push_str(&connection(&page, &status)),
            Err(failure) => body.push_str(&failure),
        }
        if let Ok(traffic) = page.read("traffic", &of(&place)).await {
            body.push_str(&volume(&page, &traffic));
        }
        body.push_str("</section>");
    }
    let _ = write!(body, "<section><h2>{}</h2>", page.t("what-it-is"));
    match page.read("identify", &of(&place)).await {
        Err(failure) => body.push_str(&failure),
        Ok(identity) => body.push_str(&findings(&page, &identity)),
    }
    body.push_str("</section>");
    if app.jobs.has_login(&place) {
        let out = format!("<button class=\"quiet\">{}</button>", page.t("stick-logout"));
        body.push_str(&page.form(&format!("/sticks/{}/logout", encoded(&place)), &out));
    }
    page.show(&title(&page, "nav-status", &place), "/", &body)
}

/// Whether the stick at a place has a router and a web server of its own.
fn is_hilink(page: &Page<'_>, place: &str) -> bool {
    let list = page.app.sampling.sticks();
    let mut sticks = list["sticks"].as_array().into_iter().flatten();
    let stick = sticks.find(|stick| stick["place"] == place);
    stick.is_some_and(|stick| stick["mode"].as_str().is_some_and(|mode| mode.starts_with("hilink")))
}

/// An amount of bytes with its unit.
pub(super) fn amount(bytes: f64) -> String {
    let larger = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")].into_iter().find(|(at, _)| bytes >= *at);
    larger.map_or_else(|| format!("{bytes:.0} B"), |(figure, unit)| format!("{:.1} {unit}", bytes / figure))
}

fn figure(report: &Value, name: &str, unit: &str) -> String {
    report[name].as_f64().map(|figure| format!("{figure:.1} {unit}")).unwrap_or_default()
}

fn reception(page: &Page<'_>, signal: &Value) -> String {
    let bars = match (signal["bars"][0].as_u64(), signal["bars"][1].as_u64()) {
        (Some(bars), Some(most)) => {
            format!(
                "<meter min=\"0\" max=\"{most}\" value=\"{bars}\" aria-label=\"{}\"></meter> {bars}/{most}",
                page.t("bars")
            )
        }
        _ => String::new(),
    };
    terms([
        (page.t("operator").as_str(), field(signal, "operator")),
        (page.t("technology").as_str(), field(signal, "technology")),
        (
            page.t("registration").as_str(),
            format!("<span lang=\"en\">{}</span>", field(signal, "registration")),
        ),
        (page.t("bars").as_str(), bars),
        ("RSSI", figure(signal, "rssi", "dBm")),
        ("RSCP", figure(signal, "rscp", "dBm")),
        ("Ec/Io", figure(signal, "ecio", "dB")),
        ("RSRP", figure(signal, "rsrp", "dBm")),
        ("RSRQ", figure(signal, "rsrq", "dB")),
        ("SINR", figure(signal, "sinr", "dB")),
        ("5G RSRP", figure(signal, "nr_rsrp", "dBm")),
        ("5G RSRQ", figure(signal, "nr_rsrq", "dB")),
        ("5G SINR", figure(signal, "nr_sinr", "dB")),
    ])
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// The power of the last hour as a line, from -140 to -50 dBm.
fn plot(page: &Page<'_>, samples: &[Sample]) -> String {
    let figures: Vec<_> =
        samples.iter().filter_map(|s| Some((s.at.as_second(), power(&s.signal)?))).collect();
    let (Some((first, _)), Some((last, (name, now)))) = (figures.first(), figures.last()) else {
        return String::new();
    };
    let span = (last - first).max(60) as f64;
    let height = |dbm: f64| HEIGHT * (1.0 - ((dbm + 140.0) / 90.0).clamp(0.0, 1.0));
    let points = figures.iter().map(|(at, (_, dbm))| {
        let x = WIDTH * (1.0 - (last - at) as f64 / span);
        format!("{x:.0},{:.0}", height(*dbm))
    });
    // The first look is a dash at the end.
    let dash = format!("{:.0},{:.0}", if figures.len() == 1 { WIDTH - 8.0 } else { WIDTH }, height(*now));
    let points = points.chain([dash]).collect::<Vec<_>>().join(" ");
    let least = figures.iter().map(|(_, (_, dbm))| *dbm).fold(f64::MAX, f64::min);
    let most = figures.iter().map(|(_, (_, dbm))| *dbm).fold(f64::MIN, f64::max);
    let grid = [-60.0, -80.0, -100.0, -120.0]
        .map(|dbm| format!("<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{0:.0}\" y2=\"{0:.0}\"/>", height(dbm)));
    let minutes = ((last - first) / 60).max(1);
    format!(
        "<figure><div class=\"scaled\"><svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{name} {now:.0} dBm\">\
         <g class=\"grid\">{}</g><polyline points=\"{points}\"/></svg>\
         <span class=\"at-60\">-60</span><span class=\"at-80\">-80</span><span class=\"at-100\">-100</span><span class=\"at-120\">-120</span></div>\
         <figcaption>{name}: {now:.0} dBm; {} {minutes} min: {least:.0} {} {most:.0} dBm</figcaption></figure>",
        grid.concat(),
        page.t("last-time"),
        page.t("to")
    )
}

fn connection(page: &Page<'_>, status: &Value) -> String {
    terms([
        (page.t("state").as_str(), format!("<span lang=\"en\">{}</span>", field(status, "connection_text"))),
        (page.t("address").as_str(), field(status, "address")),
        ("DNS", value(&status["dns"])),
        ("SIM", format!("<span lang=\"en\">{}</span>", field(status, "sim"))),
    ])
}

fn volume(page: &Page<'_>, traffic: &Value) -> String {
    let bytes = |name: &str| traffic[name].as_f64().map(amount);
    let pair = |received: &str, sent: &str| match (bytes(received), bytes(sent)) {
        (Some(received), Some(sent)) => {
            format!("{} {received}, {} {sent}", page.t("received"), page.t("sent-data"))
        }
        _ => String::new(),
    };
    let time = traffic["seconds"].as_u64().map(|s| format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60));
    terms([
        (page.t("this-session").as_str(), pair("received", "sent")),
        (page.t("connected-for").as_str(), time.unwrap_or_default()),
        (page.t("total").as_str(), pair("total_received", "total_sent")),
    ])
}

fn findings(page: &Page<'_>, identity: &Value) -> String {
    let mut rows = String::new();
    for finding in identity["findings"].as_array().into_iter().flatten() {
        let _ = write!(
            rows,
            "<div><dt>{}</dt><dd>{} <small>{}: {}</small></dd></div>",
            field(finding, "about"),
            field(finding, "value"),
            field(finding, "sure"),
            field(finding, "why")
        );
    }
    let routes = identity["routes"].as_array().into_iter().flatten().map(|route| {
        format!(
            "<li><strong>{}</strong>: {} <small>{}</small></li>",
            field(route, "to"),
            field(route, "way"),
            field(route, "risk")
        )
    });
    let routes = routes.collect::<String>();
    let routes = if routes.is_empty() {
        routes
    } else {
        format!("<h3>{}</h3><ul lang=\"en\">{routes}</ul>", page.t("routes"))
    };
    format!("<dl lang=\"en\">{rows}</dl>{routes}")
}

/// Conversations by number, the one with the newest message first.
fn threads(messages: &[Value]) -> Vec<(String, Vec<&Value>)> {
    let mut threads: Vec<(String, Vec<&Value>)> = Vec::new();
    for message in messages {
        let with = message["from"].as_str().or(message["to"].as_str()).unwrap_or_default().to_owned();
        match threads.iter().position(|(number, _)| *number == with) {
            Some(index) => {
                let mut thread = threads.remove(index);
                thread.1.push(message);
                threads.insert(0, thread);
            }
            None => threads.insert(0, (with, vec![message])),
        }
    }
    threads
}

pub(super) async fn messages(
    State(app): Shared,
    Extension(caller): Who,
    Path(place): Path<String>,
    uri: Uri,
) -> Response {
    let page = Page::new(&app, &caller);
    let query = query(&uri);
    let mut body = tabs(&page, &place, "/messages");
    body.push_str(&page.done(&query));
    let hidden = hidden("place", &place);
    match page.read("messages", &of(&place)).await {
        Err(failure) => body.push_str(&failure),
        Ok(found) => {
            let messages = found["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            if messages.is_empty() {
                let _ = write!(body, "<p>{}</p>", page.t("no-messages"));
            }
            for (with, messages) in threads(messages) {
                let name = if with.is_empty() { page.t("unknown-number") } else { text(&with) };
                let shown: String = messages.iter().map(|message| bubble(&page, message, &hidden)).collect();
                let _ = write!(body, "<section class=\"thread\"><h2>{name}</h2><ol>{shown}</ol></section>");
            }
            body.push_str(&list(
                "note",
                &found["skipped"]
                    .as_array()
                    .map(|all| all.iter().map(|s| s["reason"].clone()).collect())
                    .unwrap_or_default(),
            ));
        }
    }
    let send = format!(
        "{hidden}<p><label for=\"to\">{}</label><input id=\"to\" name=\"to\" type=\"tel\" autocomplete=\"off\" required></p>\
         <p><label for=\"text\">{}</label><textarea id=\"text\" name=\"text\" rows=\"3\" maxlength=\"2000\" required></textarea></p><button>{}</button>",
        page.t("recipient"),
        page.t("text"),
        page.t("send")
    );
    if page.may_change() {
        let _ = write!(
            body,
            "<section><h2>{}</h2>{}</section>",
            page.t("new-message"),
            page.form("/do/send", &send)
        );
        let _ = write!(body, "<section><h2>USSD</h2>{}</section>", dialogue(&page, &query, &hidden));
    }
    page.show(&title(&page, "nav-messages", &place), "/", &body)
}

fn bubble(page: &Page<'_>, message: &Value, hidden: &str) -> String {
    let kind = message["kind"].as_str().unwrap_or_default();
    let when = ["time", "time_raw"].into_iter().find_map(|name| message[name].as_str()).unwrap_or_default();
    let when = text(&when.replacen('T', " ", 1));
    let what = page.caller.language.find(&format!("sms-{kind}")).map_or_else(|| text(kind), text);
    let new = if message["read"] == false {
        format!(" <span class=\"badge\">{}</span>", page.t("new"))
    } else {
        String::new()
    };
    let missing = match message["missing_parts"].as_u64() {
        Some(parts @ 1..) => format!("<small>{}: {parts}</small>", page.t("missing-parts")),
        _ => String::new(),
    };
    let outcome = field(&message["report"], "outcome");
    let delete = message["number"].as_u64().map(|number| {
        let store = message["places"][0]["store"].as_str().filter(|store| !store.is_empty());
        // Where stores are named, the number alone may mean another message.
        let id = match store {
            Some(store) if store.bytes().all(|b| b.is_ascii_uppercase()) => format!("{store}:{number}"),
            _ => number.to_string(),
        };
        let inner = format!("{hidden}<input type=\"hidden\" name=\"message\" value=\"{}\"><button class=\"danger\">{}</button>", text(&id), page.t("delete"));
        let form = page.form("/do/delete", &inner);
        if form.is_empty() { form } else { format!("<details class=\"inline\"><summary>{}</summary>{form}</details>", page.t("delete-ask")) }
    });
    format!(
        "<li class=\"message {}\"><p class=\"meta\">{what}{new} <time>{when}</time></p><p class=\"text\">{}{outcome}</p>{missing}{}</li>",
        text(kind),
        field(message, "text"),
        delete.unwrap_or_default()
    )
}

/// The dialogue so far, and a field for the next reply. A reply begins the dialogue anew and says everything again: a network waits for
/// seconds only.
fn dialogue(page: &Page<'_>, query: &Fields, hidden: &str) -> String {
    let job =
        query.get("done").and_then(|id| page.app.jobs.get(id)).filter(|job| job.operation.name == "ussd");
    let waits = job.as_ref().and_then(|job| job.told().last).is_some_and(|last| {
        last["result"]["answers"]
            .as_array()
            .and_then(|answers| answers.last())
            .is_some_and(|a| a["reply_expected"] == true)
    });
    let mut before = String::new();
    if let (Some(job), true) = (&job, waits) {
        for code in job.fields.all("code") {
            let _ = write!(before, "<input type=\"hidden\" name=\"code\" value=\"{}\">", text(code));
        }
    }
    let label = if waits { page.t("reply") } else { page.t("code") };
    let inner = format!(
        "{hidden}{before}<p><label for=\"code\">{label}</label><input id=\"code\" name=\"code\" autocomplete=\"off\" placeholder=\"*100#\" required></p><button>{}</button>",
        page.t("send")
    );
    page.form("/do/ussd", &inner)
}

pub(super) async fn network(
    State(app): Shared,
    Extension(caller): Who,
    Path(place): Path<String>,
    uri: Uri,
) -> Response {
    let page = Page::new(&app, &caller);
    let mut body = tabs(&page, &place, "/network");
    body.push_str(&page.done(&query(&uri)));
    let hidden = hidden("place", &place);
    match page.read("network", &of(&place)).await {
        Err(failure) => body.push_str(&failure),
        Ok(found) => {
            body.push_str(&reception(&page, &found["network"]));
            let roaming = match found["roaming"].as_bool() {
                Some(true) => page.t("yes"),
                Some(false) => page.t("no"),
                None => String::new(),
            };
            body.push_str(&terms([
                (page.t("technologies").as_str(), field(&found, "mode")),
                (page.t("lte-bands").as_str(), field(&found, "lte_bands")),
                (page.t("other-bands").as_str(), field(&found, "other_bands")),
                (page.t("roaming").as_str(), roaming),
            ]));
            if page.may_change() {
                let _ = write!(
                    body,
                    "<section><h2>{}</h2>{}</section>",
                    page.t("change"),
                    change(&page, &found, &hidden)
                );
            }
        }
    }
    if page.may_change() {
        let scan = page.form(
            "/do/scan",
            &format!("{hidden}<p>{}</p><button>{}</button>", page.t("scan-note"), page.t("scan")),
        );
        let select = format!(
            "{hidden}<p><label for=\"number\">{}</label><input id=\"number\" name=\"number\" value=\"auto\" required></p><button>{}</button>",
            page.t("network-number"),
            page.t("select")
        );
        let _ = write!(
            body,
            "<section><h2>{}</h2>{scan}{}</section>",
            page.t("networks"),
            page.form("/do/use-network", &select)
        );
    }
    page.show(&title(&page, "nav-network", &place), "/", &body)
}

fn change(page: &Page<'_>, found: &Value, hidden: &str) -> String {
    let now = field(found, "mode");
    let modes = ["auto", "lte,umts,gsm", "lte,umts", "lte", "umts,gsm", "umts", "gsm"];
    let keep = format!("<option value=\"\">{}</option>", page.t("unchanged"));
    let options: String =
        modes.iter().filter(|mode| **mode != now).map(|mode| format!("<option>{mode}</option>")).collect();
    let input = |name: &str, key: &'static str, hint: &str| {
        format!(
            "<p><label for=\"{name}\">{}</label><input id=\"{name}\" name=\"{name}\" placeholder=\"{hint}\" autocomplete=\"off\"></p>",
            page.t(key)
        )
    };
    let inner = format!(
        "{hidden}<p>{}</p><p><label for=\"mode\">{}</label><select id=\"mode\" name=\"mode\">{keep}{options}</select></p>{}{}\
         <p><label for=\"roaming\">{}</label><select id=\"roaming\" name=\"roaming\">{keep}<option value=\"on\">{}</option><option value=\"off\">{}</option></select></p>\
         <button>{}</button>",
        page.t("change-note"),
        page.t("technologies"),
        input("lte", "lte-bands", "3,7,20"),
        input("other", "other-bands", "gsm900,umts2100"),
        page.t("roaming"),
        page.t("yes"),
        page.t("no"),
        page.t("set")
    );
    page.form("/do/radio", &inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_conversation_with_the_newest_message_comes_first() {
        let messages = [
            json!({"from": "a"}),
            json!({"from": "b"}),
            json!({"to": "a"}),
            json!({"from": "c"}),
            json!({"from": "a"}),
        ];
        let threads = threads(&messages);
        let shape: Vec<_> = threads.iter().map(|(with, all)| (with.as_str(), all.len())).collect();
        assert_eq!(shape, [("a", 3), ("c", 1), ("b", 1)]);
    }
}
