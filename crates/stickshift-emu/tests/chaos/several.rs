//! Several runs at once, and runs on another stick than the one before.

use std::path::Path;
use std::thread;

use stickshift::convert::flash::flash_files;
use stickshift::convert::journal::{Fingerprint, Journal, Key};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::event::{Cancel, Event, Session};
use stickshift::plan::Consents;
use stickshift::stick::Mode;
use stickshift_emu::firmware::download::DownloadOptions;

use super::device::DevicePort;
use super::flash::{image, is_flashed, stick};
use super::proxy::{Faults, Proxy, ProxyBus};

/// Flashes by port, as where no place on a bus is known. Stops when so many partitions were begun.
fn by_port(port: &DevicePort, key: &Key, folder: &Path, resume: bool, stop_at: usize) -> Result<()> {
    let mut file = image(tempfile::tempdir().unwrap().path());
    let proxy = Proxy::new(Box::new(port.clone()), Faults::none(), 0);
    let mut bus = ProxyBus { proxy, mode: Mode::Download };
    let mut journal = if resume {
        Journal::load(folder, key.clone())?
    } else {
        Journal::begin(folder, key.clone(), Fingerprint::default(), vec![file.record()])?
    };
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let mut begun = 0;
    let mut session = Session::new(
        move |event| {
            begun += usize::from(matches!(event, Event::Step { code: "flash-partition", .. }));
            if begun == stop_at {
                stop.cancel();
            }
        },
        cancel,
    );
    let files = std::slice::from_mut(&mut file);
    let place = ProxyBus::place();
    flash_files(&mut bus, &place, files, Consents::default(), &mut journal, &mut session)?;
    journal.finish()
}

fn key(name: &str) -> Key {
    Key::Port(format!("/dev/pts/{name}").into())
}

#[test]
fn two_four_and_eight_at_once() {
    for count in [2, 4, 8] {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<DevicePort> = (0..count).map(|_| stick(DownloadOptions::v7r11())).collect();
        let results: Vec<Result<()>> = thread::scope(|scope| {
            let runs: Vec<_> = ports
                .iter()
                .enumerate()
                .map(|(n, port)| {
                    let folder = folder.path();
                    scope.spawn(move || by_port(port, &key(&n.to_string()), folder, false, usize::MAX))
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        for (port, result) in ports.iter().zip(results) {
            result.unwrap();
            assert!(is_flashed(port));
        }
    }
}

#[test]
fn a_second_run_at_the_same_port_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = Journal::begin(folder.path(), key("1"), Fingerprint::default(), vec![]).unwrap();
    let error =
        by_port(&stick(DownloadOptions::v7r11()), &key("1"), folder.path(), false, usize::MAX).unwrap_err();
    assert!(error.is(ErrorKind::PortBusy), "{error:?}");
    drop(held);
}

#[test]
fn another_stick_never_gets_the_success_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (stick(DownloadOptions::v7r11()), stick(DownloadOptions::v7r11()));
    // B is stopped on its way; then A, which was never flashed, is put at B's port, and at a port of its own.
    let stopped = by_port(&b, &key("1"), folder.path(), false, 5).unwrap_err();
    assert!(stopped.is(ErrorKind::Interrupted), "{stopped:?}");
    let not_its_own: Error = by_port(&a, &key("2"), folder.path(), true, usize::MAX).unwrap_err();
    assert!(not_its_own.is(ErrorKind::NoJournal), "{not_its_own:?}");
    by_port(&a, &key("1"), folder.path(), true, usize::MAX).unwrap();
    assert!(is_flashed(&a), "the stick that was plugged in has all of it");
    assert!(!is_flashed(&b));
}
