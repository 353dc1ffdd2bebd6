//! What of a modem and the SIM in it outlives the process that plays them: what a real stick would keep without power, and whether its PIN
//! was entered, for it kept its power meanwhile. Connections and dialogues do not.

use serde::{Deserialize, Serialize};
use stickshift::hex;

use crate::modem::Modem;
use crate::modem::data::DataProfile;
use crate::modem::held::{DataSettings, RadioSettings, SimCard};
use crate::modem::radio::NETWORKS;
use crate::modem::sim::{PIN_TRIES, PUK_TRIES, is_pin};
use crate::modem::sms::{Message, MessageState, ROOM, Store};

/// A modem that is put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModemState {
    sim: SimCard,
    /// Its PIN was entered.
    verified: bool,
    functionality: u8,
    radio: RadioSettings,
    data: DataSettings,
    messages: Vec<MessageKept>,
    /// Of the next message of each store.
    next_index: [u16; 2],
    /// Of the message that was sent last.
    reference: u8,
    composition: String,
    u2diag: u16,
    datalock: Option<String>,
    updates: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MessageKept {
    store: Store,
    index: u16,
    delivered: Option<bool>,
    state: MessageState,
    phone: String,
    text: String,
    date: String,
    /// In hex.
    parts: Vec<String>,
}

/// A short text of settings.
fn is_word(text: &str) -> bool {
    text.len() <= 256 && !text.chars().any(char::is_control)
}

impl ModemState {
    /// Whether a modem can be like that: the file that it comes from may be anybody's.
    fn is_possible(&self) -> bool {
        let SimCard { pin, pin_tries, puk_tries, .. } = &self.sim;
        let sim = is_pin(pin) && *pin_tries <= PIN_TRIES && *puk_tries <= PUK_TRIES;
        let RadioSettings { order, bands, lte_bands, web, .. } = &self.radio;
        let mut words = vec![order, bands, lte_bands, &self.composition];
        words.extend(web);
        words.extend(&self.datalock);
        words.extend(self.data.contexts.iter().flat_map(|(_, protocol, apn)| [protocol, apn]));
        for DataProfile { name, apn, username, password, .. } in &self.data.profiles {
            words.extend([name, apn, username, password]);
        }
        let data = self.data.profiles.iter().any(|profile| profile.index == self.data.current_profile)
            && self.data.profiles.len().max(self.data.contexts.len()) <= 64
            && self.data.mtu >= 68;
        let is_message = |message: &MessageKept| {
            let short = message.parts.len() <= 255 && message.parts.iter().all(|part| part.len() <= 1024);
            short && message.text.len() <= 1 << 16 && message.index < 50_000 && is_word(&message.phone)
        };
        let messages = self.messages.len() <= 2 * ROOM
            && self.messages.iter().all(is_message)
            && self.next_index.iter().all(|next| *next < 60_000);
        sim && data && messages && words.into_iter().all(|word| is_word(word))
    }
}

impl Modem {
    /// Puts it away; with `has_power` its SIM stays open.
    pub(crate) fn state(&self, has_power: bool) -> ModemState {
        let message = |message: &Message| MessageKept {
            store: message.store,
            index: message.index,
            delivered: message.delivered,
            state: message.stat,
            phone: message.phone.clone(),
            text: message.text.clone(),
            date: message.date.clone(),
            parts: message.parts.iter().map(|part| hex::encode(part)).collect(),
        };
        ModemState {
            sim: self.sim_card(),
            verified: self.sim.is_verified() && has_power,
            functionality: self.radio.function,
            radio: self.radio_settings(),
            data: self.data_settings(),
            messages: self.messages.stored.iter().map(message).collect(),
            next_index: self.messages.next_index,
            reference: self.messages.reference,
            composition: self.ports.clone(),
            u2diag: self.u2diag,
            datalock: self.datalock.clone(),
            updates: self.updates,
        }
    }

    /// Makes it the one that was put away. It was made with the same options and has not started yet. `false`: no modem is like that.
    pub(crate) fn go_on_with(&mut self, kept: &ModemState) -> bool {
        let operator = NETWORKS.iter().find(|network| network.3 == kept.radio.operator);
        let message = |kept: &MessageKept| {
            let parts = kept.parts.iter().map(|part| hex::decode(part)).collect::<Option<_>>()?;
            Some(Message {
                store: kept.store,
                index: kept.index,
                delivered: kept.delivered,
                stat: kept.state,
                phone: kept.phone.clone(),
                text: kept.text.clone(),
                date: kept.date.clone(),
                parts,
            })
        };
        let messages: Option<Vec<Message>> = kept.messages.iter().map(message).collect();
        let (Some(operator), Some(messages), true) = (operator, messages, kept.is_possible()) else {
            return false;
        };
        let sim = &kept.sim;
        self.sim.go_on_as(sim.pin_enabled, &sim.pin, (sim.pin_tries, sim.puk_tries), kept.verified);
        let radio = &kept.radio;
        self.radio.function = kept.functionality;
        self.radio.operator = (operator.1, operator.2, operator.3);
        self.radio.manual = radio.by_hand;
        self.radio.order.clone_from(&radio.order);
        self.radio.bands.clone_from(&radio.bands);
        self.radio.lte_bands.clone_from(&radio.lte_bands);
        // A fault of this run keeps it off.
        self.radio.roaming &= radio.roaming;
        self.radio.domain = radio.domain;
        self.radio.web.clone_from(&radio.web);
        self.radio.old_mode = radio.umts;
        let data = &kept.data;
        self.data.switch = data.switch;
        self.data.connect_mode = data.connect_mode;
        self.data.roam = data.roaming;
        self.data.idle = data.idle;
        self.data.mtu = data.mtu;
        self.data.profiles.clone_from(&data.profiles);
        self.data.current = data.current_profile;
        self.data.contexts.clone_from(&data.contexts);
        self.messages.stored = messages;
        self.messages.next_index = kept.next_index;
        self.messages.reference = kept.reference;
        self.ports.clone_from(&kept.composition);
        self.u2diag = kept.u2diag;
        self.datalock.clone_from(&kept.datalock);
        self.updates = kept.updates;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::modem::SimState;

    #[test]
    fn a_modem_goes_on_as_it_was_put_away() {
        let now = Duration::from_secs(10);
        let mut modem = Modem::new("FF;12").with_pin();
        modem.sim.enter(now, "0000").unwrap_err();
        let locked = modem.state(true);
        modem.sim.enter(now, "1234").unwrap();
        modem.sim.change(now, "1234", "4321").unwrap();
        modem.radio.function = 0;
        modem.radio.roaming = 0;
        modem.data.contexts.push((2, "IPV6".into(), "web".into()));
        modem.data.roam = true;
        assert!(modem.messages.delete(0));
        modem.messages.arrives("+12345678901", "x\u{1}", "2026-11-20 13:00:50");
        (modem.ports, modem.updates) = ("A1,A2".into(), false);
        for (state, wants) in [
            (locked, SimState::Pin),
            (modem.state(true), SimState::Ready),
            (modem.state(false), SimState::Pin),
        ] {
            let mut again = Modem::new("FF;12");
            assert!(again.go_on_with(&state));
            again.boot(now, false, Duration::ZERO);
            assert_eq!(again.sim.state(now), wants);
            assert_eq!(again.state(true), state);
            // Without power it asks again.
            again.boot(now, false, Duration::ZERO);
            assert_eq!(again.sim.state(now), SimState::Pin);
        }
    }

    #[test]
    fn what_no_modem_is_like_is_refused() {
        let refused = |change: fn(&mut ModemState)| {
            let mut state = Modem::new("").state(true);
            change(&mut state);
            !Modem::new("").go_on_with(&state)
        };
        assert!(!refused(|_| {}));
        for change in [
            (|s: &mut ModemState| s.sim.pin_tries = 4) as fn(&mut ModemState),
            |s| s.sim.puk_tries = 11,
            |s| s.sim.pin = "12a4".into(),
            |s| s.radio.operator = "00000".into(),
            |s| s.radio.order = "\u{1b}".into(),
            |s| s.data.current_profile = 9,
            |s| s.data.mtu = 0,
            |s| s.messages[0].parts[0] = "0".into(),
            |s| s.messages[0].index = u16::MAX,
            |s| s.next_index[1] = u16::MAX,
            |s| s.messages.extend(vec![s.messages[0].clone(); 2 * ROOM]),
        ] {
            assert!(refused(change));
        }
    }
}
