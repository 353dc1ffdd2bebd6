//! What runs beside the pages for as long as the server does: switching, and connections that are kept. Each is a job that the pages show.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use stickshift::event::Cancel;

use crate::fields::Fields;
use crate::operations::{STAY, WATCH};
use crate::server::{App, Service};

/// How soon a stick that was plugged in is seen, where nothing tells of it.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) fn start(app: &Arc<App>) {
    for service in app.options.services.clone() {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            match service {
                Service::Watch => drop(app.jobs.serve(&WATCH, Fields::default()).await),
                Service::Stay(place) => {
                    let ended = app.jobs.waits(place.as_deref());
                    let Some(place) = plugged(&app, place.as_deref(), &ended).await else { return };
                    let job = app.jobs.serve(&STAY, Fields(vec![("place".into(), place)])).await;
                    // Somebody may have hung up just before there was a job to end.
                    if let Some(job) = job.filter(|_| ended.is_cancelled()) {
                        job.cancel();
                    }
                }
            }
        });
    }
}

/// Waits for a stick at a place, or for the only one there, whatever its mode. Later it may go and come again. None where somebody hung up
/// meanwhile.
async fn plugged(app: &App, wanted: Option<&str>, ended: &Cancel) -> Option<String> {
    loop {
        if ended.is_cancelled() {
            return None;
        }
        if let Some(place) = chosen(&app.sampling.sticks(), wanted) {
            return Some(place);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn chosen(list: &Value, wanted: Option<&str>) -> Option<String> {
    let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut places = sticks.iter().filter_map(|stick| stick["place"].as_str());
    match (wanted, sticks) {
        (Some(wanted), _) => places.find(|place| *place == wanted).map(str::to_owned),
        (None, [_]) => places.next().map(str::to_owned),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_only_stick_is_chosen_and_of_several_the_named_one() {
        let one = json!({ "sticks": [{ "place": "1-1", "mode": "cdrom" }] });
        let two = json!({ "sticks": [{ "place": "1-1" }, { "place": "1-2" }] });
        assert_eq!(chosen(&one, None).as_deref(), Some("1-1"));
        assert_eq!(chosen(&two, None), None);
        assert_eq!(chosen(&two, Some("1-2")).as_deref(), Some("1-2"));
        assert_eq!(chosen(&one, Some("1-2")), None);
        assert_eq!(chosen(&Value::Null, None), None);
    }
}
