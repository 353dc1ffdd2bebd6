//! Many virtual sticks: forty conversions at once against one, and a thousand sticks behind 25 bridges on one broker.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{folder, program};

/// Sticks of a rack.
const RACK: usize = 40;
const BRIDGES: usize = 25;
/// For everything to arrive.
const PATIENCE: Duration = Duration::from_secs(600);

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn fresh(name: &str) -> Result<PathBuf, String> {
    let folder = folder()?.join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(text)?;
    Ok(folder)
}

fn command(program: &Path, folder: &Path, words: &str) -> Command {
    let mut command = Command::new(program);
    command.args(words.split_whitespace()).current_dir(folder).env("STICKSHIFT_STATE", folder.join("state"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Converts one stick and forty: on the wall, and by the sticks' own clock.
pub(super) fn rack() -> Result<(), String> {
    let (program, folder) = (program()?, fresh("rack")?);
    ends(&mut command(&program, &folder, "rehearse --files made"))?;
    for count in [1, RACK] {
        let words = format!(
            "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --webui made/webui.bin \
             --virtual e3372h-hilink={count} --yes --quiet --report rows.json"
        );
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let began = Instant::now();
            let status = ends(&mut command(&program, &folder, &words))?;
            best = best.min(began.elapsed());
            if !status.success() {
                return Err(format!("{words}: {status}"));
            }
        }
        let rows = fs::read(folder.join("rows.json")).map_err(text)?;
        let rows: Value = serde_json::from_slice(&rows).map_err(text)?;
        let seconds = rows["rows"].as_array().into_iter().flatten().filter_map(|row| row["seconds"].as_f64());
        let longest = seconds.fold(0.0, f64::max);
        println!(
            "    {count:>3} sticks: {longest:>5.1} s by their clock, {:.2} s of this computer",
            best.as_secs_f64()
        );
    }
    mixed(&program, &folder)
}

/// What goes wrong with some of forty sticks: each word is a fault of one of them.
const MIXED: &str = "powerloss@60#3,unplug@90#7,nak=07@12#11,drop@30#15,corrupt@40#19,mute@50#23,powerloss@150#27,unplug@20#31,drop@120#35,powerloss@5#39";

/// Forty sticks of which ten have a bad day: each row against what the stick holds, then the same command again, which does the rest.
fn mixed(program: &Path, folder: &Path) -> Result<(), String> {
    let convert = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --quiet --virtual-state sticks \
         --report mixed.json";
    for (what, words) in [
        ("ten faults", format!("{convert} --virtual e3372h-hilink={RACK} --fault {MIXED}")),
        ("and again", convert.to_owned()),
    ] {
        let began = Instant::now();
        ends(&mut command(program, folder, &words))?;
        let took = began.elapsed();
        let read = |name: &str| -> Result<Value, String> {
            serde_json::from_slice(&fs::read(folder.join(name)).map_err(text)?).map_err(text)
        };
        let (rows, sticks) = (read("mixed.json")?, read("sticks")?);
        let sticks = sticks["sticks"].as_array().cloned().unwrap_or_default();
        let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows["rows"].as_array().into_iter().flatten() {
            let number: Option<usize> =
                row["place"].as_str().and_then(|place| place.strip_prefix("1-")?.parse().ok());
            let flash = number.and_then(|number| sticks.get(number - 1)).map(|stick| &stick["flashable"]);
            let flash = flash.ok_or("a row of no stick")?;
            let has_it = flash["kind"] == "stick" && flash["mode"] == "firmware";
            let verdict = row["verdict"].as_str().unwrap_or_default();
            let is_false = match verdict {
                "done" => !has_it,
                "untouched" => row["exit"] != 0 && flash["written"] != false,
                _ => row["exit"] == 0,
            };
            if is_false {
                return Err(format!(
                    "{what}: the row is not true: {row}, the stick is {} {}",
                    flash["kind"], flash["mode"]
                ));
            }
            *verdicts.entry(verdict.to_owned()).or_default() += 1;
        }
        if verdicts.values().sum::<usize>() != RACK {
            return Err(format!("{what}: {verdicts:?} are not {RACK} rows"));
        }
        let verdicts: Vec<String> =
            verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        println!(
            "    {what:<10} {}, every row true, {:.2} s of this computer",
            verdicts.join(", "),
            took.as_secs_f64()
        );
    }
    Ok(())
}

/// Waits for the end of a program, but not for ever.
fn ends(command: &mut Command) -> Result<std::process::ExitStatus, String> {
    let mut running = Running(command.spawn().map_err(text)?);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = running.0.try_wait().map_err(text)? {
            return Ok(status);
        }
        if Instant::now() > until {
            return Err(format!("it does not end: {command:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A program that ends with the bench.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Lets it write what it keeps.
    fn terminate(mut self) -> Result<(), String> {
        Command::new("kill").arg(self.0.id().to_string()).status().map_err(text)?;
        self.0.wait().map_err(text).map(|_| ())
    }
}

fn broker(folder: &Path, port: u16) -> Result<Running, String> {
    // Started by root it would become another user, who may not write into this folder: what it keeps for subscribers would be lost.
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location {}/\nmax_queued_messages 0\n",
        folder.display()
    );
    let file = folder.join("mosquitto.conf");
    fs::write(&file, config).map_err(text)?;
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().map_err(|e| format!("mosquitto: {e}"))?);
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until {
            return Err("mosquitto does not listen".to_owned());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(running)
}

/// The ids of the messages that the broker delivers.
fn watcher(port: u16) -> Result<(Running, Receiver<String>), String> {
    let mut command = Command::new("mosquitto_sub");
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-q",
        "1",
        "-c",
        "-i",
        "watcher",
        "-t",
        "stickshift/+/+/message",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("mosquitto_sub: {e}"))?;
    let (sender, receiver) = channel();
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let message: Value = serde_json::from_str(&line).unwrap_or_default();
            let id = message["id"].as_str().unwrap_or_default().to_owned();
            if sender.send(id).is_err() {
                return;
            }
        }
    });
    Ok((Running(child), receiver))
}

/// 1,000 sticks; the broker is restarted in the middle, and a bridge is killed.
pub(super) fn fleet() -> Result<(), String> {
    let (program, folder) = (program()?, fresh("fleet")?);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(text)?.port();
    let mut list = command(&program, &folder, "--json sms list --virtual e3372h-stick");
    let list = list.stdout(Stdio::piped()).output().map_err(text)?;
    let list: Value = serde_json::from_slice(&list.stdout).map_err(text)?;
    let messages = list["result"]["messages"].as_array().into_iter().flatten();
    let each = messages.filter(|m| m["kind"] == "received" || m["kind"] == "report").count();
    let expected = each * RACK * BRIDGES;
    let bridge = |number: usize| {
        let words = format!(
            "bridge mqtt --broker 127.0.0.1:{port} --name rack{number} --every 5 --virtual e3372h-stick={RACK}"
        );
        command(&program, &folder, &words).spawn().map(Running).map_err(text)
    };
    let mut mosquitto = broker(&folder, port)?;
    let (_watcher, ids) = watcher(port)?;
    let began = Instant::now();
    let mut bridges = (0..BRIDGES).map(bridge).collect::<Result<Vec<_>, _>>()?;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut restarted = false;
    while seen.len() < expected {
        if began.elapsed() > PATIENCE {
            return Err(format!("{} of {expected} messages came", seen.len()));
        }
        if let Ok(id) = ids.recv_timeout(Duration::from_millis(100)) {
            *seen.entry(id).or_default() += 1;
        }
        if !restarted && seen.len() > expected / 3 {
            restarted = true;
            mosquitto.terminate()?;
            drop(bridges.pop());
            thread::sleep(Duration::from_secs(1));
            mosquitto = broker(&folder, port)?;
            bridges.push(bridge(BRIDGES - 1)?);
        }
    }
    let took = began.elapsed().as_secs_f64();
    // What comes now would be one too many.
    while let Ok(id) = ids.recv_timeout(Duration::from_secs(6)) {
        *seen.entry(id).or_default() += 1;
    }
    if seen.len() != expected {
        return Err(format!("{} messages came in place of {expected}", seen.len()));
    }
    let twice: usize = seen.values().map(|times| times - 1).sum();
    println!(
        "    {} sticks, {expected} messages in {took:.1} s: {:.0} a second; the broker restarted and a bridge was killed; \
         none lost, {twice} came again with an id that was known",
        RACK * BRIDGES,
        expected as f64 / took
    );
    drop(mosquitto);
    Ok(())
}
