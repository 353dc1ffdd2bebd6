//! What came to one port one after another: one stick in several modes, or several sticks.

use super::{NO_ID, PastedDevice};
use crate::stick::{Mode, UsbId, classify, is_chip_download, is_huawei_design, stick_makers};

/// Of a device that another one followed in its port.
const FOLLOWED: &str = "another device came to its port after it";

/// Devices that stood in one port one after another: other sticks than the last, and the ids that the last one had before.
pub(super) fn apart(before: Vec<PastedDevice>, last: &PastedDevice) -> (Vec<PastedDevice>, Vec<UsbId>) {
    let mut others: Vec<PastedDevice> = Vec::new();
    let mut stick: Vec<PastedDevice> = Vec::new();
    let end = |stick: &mut Vec<PastedDevice>, others: &mut Vec<PastedDevice>| {
        let Some(mut one) = stick.pop() else { return };
        one.earlier = stick.drain(..).map(|d| d.id).collect();
        one.gone = true;
        one.remark(FOLLOWED);
        others.push(one);
    };
    for device in before {
        if is_another(&stick, &device) {
            end(&mut stick, &mut others);
        }
        stick.push(device);
    }
    if is_another(&stick, last) {
        end(&mut stick, &mut others);
    }
    (others, stick.into_iter().map(|d| d.id).collect())
}

/// Whether what came to a port is another stick than the one that stood there, of which every mode is told in order. Only where that is sure:
/// a switch changes ids and texts.
fn is_another(stick: &[PastedDevice], next: &PastedDevice) -> bool {
    let Some(last) = stick.last() else { return false };
    let told = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let known = next.id == NO_ID || stick.iter().any(|d| d.id == next.id);
    if known || told(&last.serial, &next.serial) || told(&last.product, &next.product) {
        return false;
    }
    let runs = |d: &PastedDevice| {
        d.attached.values().any(|a| a.class.is_some_and(|class| !matches!(class[0], 0x03 | 0x08 | 0x09)))
    };
    // A module whose firmware does not start shows the ids of its chip's maker, and its own again.
    if is_chip_download(next.id, &[]) || is_chip_download(last.id, &[]) {
        return false;
    }
    if last.id.vendor == next.id.vendor {
        // It was switched already, and another id waits to be.
        let waits = |d: &PastedDevice| classify(d.id, 0, &[]).mode == Mode::Cdrom && !runs(d);
        return stick.len() > 1 && runs(last) && waits(next);
    }
    let of_sticks = stick_makers().any(|(vendor, _)| vendor == last.id.vendor);
    let one_design = is_huawei_design(last.id.vendor) && is_huawei_design(next.id.vendor);
    !told(&last.manufacturer, &next.manufacturer) && !one_design && (of_sticks || runs(last))
}
