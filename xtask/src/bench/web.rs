//! The web page under load: 40 virtual sticks, 50 viewers whose streams of events are open, 1,000 requests a second for a minute.

use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run::{metadata, target};
use crate::small;
use crate::web::Server;
use crate::web::client::Client;

const STICKS: usize = 40;
const VIEWERS: usize = 50;
const CLIENTS: u64 = 8;
const RATE: u64 = 1000;
const TIME: Duration = Duration::from_secs(60);

/// What the page adds to the static program.
pub(super) fn size() -> Result<(), String> {
    let size = |path: &Path| fs::metadata(path).map(|m| m.len()).map_err(|e| e.to_string());
    let metadata = metadata()?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let program = packages.find(|package| package["name"] == "stickshift").ok_or("there is no stickshift")?;
    let features = program["features"]["default"].as_array().into_iter().flatten();
    let others: Vec<&str> = features.filter_map(Value::as_str).filter(|name| *name != "web").collect();
    let without = size(&small::build(&["--no-default-features", "--features", &others.join(",")])?)?;
    let program = small::build(&[])?;
    let with = size(&program)?;
    println!("program          {with} bytes, {} of them for the web page", with.saturating_sub(without));
    Ok(())
}

pub(super) fn run() -> Result<(), String> {
    measure(&super::program()?.to_string_lossy())
}

/// Memory of a process that is in use, and the most that ever was, in kB.
fn memory(process: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (line("VmRSS:"), line("VmHWM:"))
}

fn measure(program: &str) -> Result<(), String> {
    let folder = target("web-bench")?;
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let idle = Server::of(program, &folder, "e3372h-hilink", &[])?;
    idle.link(1)?;
    thread::sleep(Duration::from_secs(2));
    println!("idle             {:.1} MB in memory", memory(idle.process.id()).0 as f64 / 1e3);
    drop(idle);

    let sticks = vec!["e3372h-hilink"; STICKS].join(",");
    let server = Server::of(program, &folder, &sticks, &[])?;
    let mut client = Client::enter(&server.link(1)?)?;
    // Somebody looks at every stick, so that its signal is an event every ten seconds.
    for number in 1..=STICKS {
        client.ask("GET", &format!("/sticks/1-{number}"), "")?;
    }
    let (done, lost, events) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut times: Vec<Duration> = Vec::new();
    let mut failed = 0;
    thread::scope(|scope| {
        for _ in 0..VIEWERS {
            let mut viewer = client.again();
            let (done, lost, events) = (&done, &lost, &events);
            scope.spawn(move || watch(&mut viewer, done, lost, events));
        }
        let mut writer = client.again();
        let flag = &done;
        scope.spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                let body = "{\"to\":\"+12345678901\",\"text\":\"x\"}";
                let _ = writer.ask("POST", "/api/sticks/1-1/messages", body);
                thread::sleep(Duration::from_millis(500));
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let mut client = client.again();
                scope.spawn(move || ask(&mut client, number))
            })
            .collect();
        for client in clients {
            let (of_one, failures) = client.join().unwrap_or_default();
            times.extend(of_one);
            failed += failures;
        }
        done.store(true, Ordering::Relaxed);
        // An event ends the wait of every viewer.
        let _ = client.ask("POST", "/api/sticks/1-1/messages", "{\"to\":\"+12345678901\",\"text\":\"x\"}");
    });
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    let (now, most) = memory(server.process.id());
    println!(
        "under load       {} answers of {} in {} s, {failed} failed; half after {:.1} ms, 99 of 100 after {:.1} ms, the last after {:.1} ms",
        times.len(),
        RATE * TIME.as_secs(),
        TIME.as_secs(),
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
        times.last().copied().unwrap_or_default().as_secs_f64() * 1e3
    );
    println!("memory           {:.1} MB, at most {:.1} MB", now as f64 / 1e3, most as f64 / 1e3);
    println!(
        "events           {} seen by {VIEWERS} viewers, {} lost",
        events.into_inner(),
        lost.load(Ordering::Relaxed)
    );
    if failed > 0 || lost.into_inner() > 0 {
        return Err("something was lost".into());
    }
    Ok(())
}

/// What pages and programs ask for, in turns.
fn ask(client: &mut Client, number: u64) -> (Vec<Duration>, u64) {
    let (begin, mut times, mut failed) = (Instant::now(), Vec::new(), 0);
    let pause = Duration::from_micros(1_000_000 * CLIENTS / RATE);
    for turn in 0.. {
        let due = begin + pause * turn;
        // A server that is too slow is not asked for ever.
        if due - begin >= TIME || begin.elapsed() >= 2 * TIME {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let stick = (u64::from(turn) * CLIENTS + number) % STICKS as u64 + 1;
        let path = match turn % 5 {
            0 => "/api/sticks".to_owned(),
            1 => "/metrics".to_owned(),
            2 => "/api/jobs".to_owned(),
            3 => format!("/api/sticks/1-{stick}/signal"),
            _ => format!("/api/sticks/1-{stick}/history"),
        };
        // Late requests count from when they were due.
        match client.ask("GET", &path, "") {
            Ok(answer) if answer.status == 200 => times.push(due.elapsed()),
            _ => failed += 1,
        }
    }
    (times, failed)
}

/// Follows the events, and counts those that are missing between two.
fn watch(viewer: &mut Client, done: &AtomicBool, lost: &AtomicU64, events: &AtomicU64) {
    let Ok(reader) = viewer.send("GET", "/api/events", "") else { return };
    let mut last = None;
    let mut line = String::new();
    while !done.load(Ordering::Relaxed) {
        line.clear();
        if !reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if line.starts_with("event: lost") {
            lost.fetch_add(1, Ordering::Relaxed);
        }
        let number =
            line.trim().strip_prefix("id: ").and_then(|id| id.rsplit_once('-')?.1.parse::<u64>().ok());
        if let Some(number) = number {
            events.fetch_add(1, Ordering::Relaxed);
            lost.fetch_add(last.map_or(0, |last| number - last - 1), Ordering::Relaxed);
            last = Some(number);
        }
    }
}
