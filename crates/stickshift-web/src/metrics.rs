//! What Prometheus reads, by its conventions: <https://prometheus.io/docs/practices/naming/>.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::server::App;

/// Figures of the signal: the field, the metric's name and what it is.
const FIGURES: [(&str, &str, &str); 9] = [
    ("rssi", "stickshift_signal_rssi_dbm", "Received signal strength"),
    ("rscp", "stickshift_signal_rscp_dbm", "Received signal code power of UMTS"),
    ("ecio", "stickshift_signal_ecio_db", "Ratio of code power to interference of UMTS"),
    ("rsrp", "stickshift_signal_rsrp_dbm", "Reference signal received power of LTE"),
    ("rsrq", "stickshift_signal_rsrq_db", "Reference signal received quality of LTE"),
    ("sinr", "stickshift_signal_sinr_db", "Signal to interference and noise ratio of LTE"),
    ("nr_rsrp", "stickshift_signal_nr_rsrp_dbm", "Reference signal received power of 5G"),
    ("nr_rsrq", "stickshift_signal_nr_rsrq_db", "Reference signal received quality of 5G"),
    ("nr_sinr", "stickshift_signal_nr_sinr_db", "Signal to interference and noise ratio of 5G"),
];

pub(crate) async fn answer(State(app): State<Arc<App>>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text(&app)).into_response()
}

fn text(app: &App) -> String {
    let mut out = String::new();
    family(&mut out, "stickshift_build_info", "gauge", "The program");
    sample(&mut out, "stickshift_build_info", &[("version", app.options.version)], 1);

    let list = app.sampling.sticks();
    let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
    family(&mut out, "stickshift_sticks", "gauge", "Sticks that are plugged in");
    sample(&mut out, "stickshift_sticks", &[], sticks.len());
    family(&mut out, "stickshift_stick_info", "gauge", "A stick that is plugged in, and its mode");
    for stick in sticks {
        let text = |name: &str| stick[name].as_str().unwrap_or_default();
        let called = app.sampling.called(stick).unwrap_or_default();
        let mut labels = vec![
            ("place", text("place")),
            ("id", text("id")),
            ("mode", text("mode")),
            ("name", text("name")),
        ];
        if !called.is_empty() {
            labels.push(("called", &called));
        }
        sample(&mut out, "stickshift_stick_info", &labels, 1);
        // Who scrapes looks, so that the next scrape has figures.
        if matches!(text("mode"), "modem" | "hilink" | "hilink-serial") {
            app.sampling.looked_at(text("place"));
        }
    }

    let last = app.sampling.last();
    family(&mut out, "stickshift_signal_info", "gauge", "The network that a stick is on");
    for (place, taken) in &last {
        let text = |name: &str| taken.signal[name].as_str().unwrap_or_default();
        let labels = [
            ("place", place.as_str()),
            ("operator", text("operator")),
            ("technology", text("technology")),
            ("registration", text("registration")),
        ];
        sample(&mut out, "stickshift_signal_info", &labels, 1);
    }
    for (field, name, about) in FIGURES {
        let figures: Vec<_> = last.iter().filter_map(|(p, s)| Some((p, s.signal[field].as_f64()?))).collect();
        if !figures.is_empty() {
            family(&mut out, name, "gauge", about);
            figures.iter().for_each(|(place, figure)| sample(&mut out, name, &[("place", place)], figure));
        }
    }
    family(&mut out, "stickshift_signal_sampled_timestamp_seconds", "gauge", "When the signal was looked at");
    for (place, taken) in &last {
        let name = "stickshift_signal_sampled_timestamp_seconds";
        sample(&mut out, name, &[("place", place)], taken.at.as_second());
    }

    let jobs = app.jobs.list();
    family(&mut out, "stickshift_jobs_running", "gauge", "Jobs that run");
    sample(&mut out, "stickshift_jobs_running", &[], jobs.iter().filter(|job| !job.has_ended()).count());
    family(&mut out, "stickshift_event_viewers", "gauge", "Open streams of events");
    sample(&mut out, "stickshift_event_viewers", &[], app.viewers.load(Ordering::Relaxed));
    family(&mut out, "stickshift_http_responses_total", "counter", "Answers by their status");
    for (status, count) in app.answers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        sample(&mut out, "stickshift_http_responses_total", &[("code", &status.to_string())], count);
    }
    out
}

fn family(out: &mut String, name: &str, kind: &str, about: &str) {
    let _ = writeln!(out, "# HELP {name} {about}.\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let labels: Vec<String> =
        labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
    let _ = match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    };
}

/// A label's value: sticks choose their names.
fn escaped(text: &str) -> String {
    stickshift::clean::lines(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The figure of a signal that is plotted: the power of the network's own signal, of the newest technology that the stick tells.
pub(crate) fn power(signal: &Value) -> Option<(&'static str, f64)> {
    let figure = |(field, name): (&str, &'static str)| Some((name, signal[field].as_f64()?));
    [("nr_rsrp", "5G RSRP"), ("rsrp", "RSRP"), ("rscp", "RSCP"), ("rssi", "RSSI")]
        .into_iter()
        .find_map(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_one_whatever_a_stick_calls_itself() {
        let mut out = String::new();
        sample(&mut out, "m", &[("name", "a\"} 1\nx{\\\u{1b}")], 1);
        assert_eq!(out, "m{name=\"a\\\"} 1\\nx{\\\\\\\\u{1b}\"} 1\n");
    }
}
