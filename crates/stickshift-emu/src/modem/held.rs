//! What a modem holds, for tests: they compare it with what the host claims to have read, changed or sent.

use serde::{Deserialize, Serialize};
use stickshift::link::Moment;

use crate::modem::Modem;
use crate::modem::data::{DataProfile, DataState};
use crate::modem::sim::SimState;
use crate::modem::sms::{Message, MessageState, Store};

/// Everything that a modem holds at one moment. Two values are equal when no one could tell the two modems apart, the time left of
/// timers aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What a restart and the loss of power leave as it is.
    pub kept: Kept,
    /// What every restart resets; `None` while no firmware with a modem runs: unplugged, restarting, boot ROM, download mode,
    /// CD-ROM.
    pub running: Option<Running>,
    /// What has left the stick for the network. It only ever grows, over all restarts.
    pub sent: Outgoing,
    /// Logins to the web UI with a wrong name or password, over all restarts. Each costs a try.
    pub logins_refused: u32,
}

/// The non-volatile part of [`Held`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The messages on the SIM and in the stick, in the order in which they came.
    pub messages: Vec<StoredMessage>,
    /// The SIM card.
    pub sim: SimCard,
    /// Which networks and bands may be used.
    pub radio: RadioSettings,
    /// What the data connection will be made with.
    pub data: DataSettings,
    /// `AT+CFUN`: 1 is full functionality.
    pub functionality: u8,
    /// `AT^SETPORT`: the composition of USB interfaces after the next restart, `A1,A2;12,1,16,A1,A2`.
    pub composition: String,
    /// `AT^U2DIAG`, the composition of older sticks.
    pub u2diag: u16,
    /// `AT^DATALOCK` still wants its code before the composition may be changed.
    pub datalocked: bool,
    /// The web UI looks for new firmware by itself.
    pub auto_update: bool,
}

/// One message on the SIM or in the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Where it is kept.
    pub store: Store,
    /// Index of its first part in its store, as AT commands count. The parts follow each other.
    pub index: u16,
    /// Whether it was read or sent.
    pub state: MessageState,
    /// The other end's number.
    pub phone: String,
    /// All parts that are left of its text, put together.
    pub text: String,
    /// For each part, whether it is still there: a part that was deleted leaves a hole.
    pub parts: Vec<bool>,
}

/// The SIM card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SimCard {
    /// There is one.
    pub present: bool,
    /// It asks for its PIN after power.
    pub pin_enabled: bool,
    /// Its PIN: these are virtual SIMs.
    pub pin: String,
    /// Wrong PINs until it wants its PUK, at most 3.
    pub pin_tries: u8,
    /// Wrong PUKs until it is dead, at most 10.
    pub puk_tries: u8,
}

/// Which networks and bands may be used. AT commands, the web UI and the commands of 3G sticks each keep a record of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RadioSettings {
    /// MCC and MNC of the operator in use.
    pub operator: String,
    /// The operator was chosen by hand (`AT+COPS=1`, `net/register`).
    pub by_hand: bool,
    /// `AT^SYSCFGEX`: order of access, `00` or `030201`.
    pub order: String,
    /// `AT^SYSCFGEX`: 2G and 3G bands in hexadecimal.
    pub bands: String,
    /// `AT^SYSCFGEX`: LTE bands in hexadecimal.
    pub lte_bands: String,
    /// `AT^SYSCFGEX`: 0 no roaming, 1 roaming.
    pub roaming: u8,
    /// `AT^SYSCFGEX`: 0 circuits, 1 packets, 2 both.
    pub domain: u8,
    /// `net/net-mode`: network mode, bands, LTE bands.
    pub web: [String; 3],
    /// `AT^SYSCFG`: mode and order of access.
    pub umts: (u8, u8),
}

/// What the data connection is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSettings {
    /// `dialup/mobile-dataswitch`.
    pub switch: bool,
    /// `dialup/connection`: 0 automatic, 1 by hand, 2 on demand.
    pub connect_mode: u8,
    /// `dialup/connection`: connects while roaming.
    pub roaming: bool,
    /// `dialup/connection`: seconds without traffic until it hangs up.
    pub idle: u32,
    /// `dialup/connection`: bytes.
    pub mtu: u16,
    /// `dialup/profiles`, in the order of their making.
    pub profiles: Vec<DataProfile>,
    /// Index of the profile in use.
    pub current_profile: u32,
    /// `AT+CGDCONT`: context, protocol, access point.
    pub contexts: Vec<(u8, String, String)>,
}

/// The volatile part of [`Held`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// What the SIM wants now.
    pub sim: SimState,
    /// The data connection, whoever dialled.
    pub data: DataState,
    /// The network waits for an answer to a USSD question.
    pub ussd_open: bool,
    /// `AT^USSDMODE`: codes are wanted packed.
    pub ussd_packed: bool,
}

/// What has left the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whole messages, in order: number and text. A message that was sent twice is here twice.
    pub messages: Vec<(String, String)>,
    /// Single parts, also of long messages whose other parts never came.
    pub message_parts: u32,
    /// USSD codes, and answers to the network's questions, in order.
    pub ussd: Vec<String>,
}

impl Modem {
    /// What it holds. `runs`: its firmware runs. Logins are the web server's to count.
    pub(crate) fn held(&self, now: Moment, runs: bool) -> Held {
        let running = runs.then(|| Running {
            sim: self.sim.state(now),
            data: self.data.state(now),
            ussd_open: self.ussd.is_open(),
            ussd_packed: self.ussd.packed,
        });
        let sent = Outgoing {
            messages: self.sent().map(|(phone, text)| (phone.to_owned(), text.to_owned())).collect(),
            message_parts: self.messages.parts_sent(),
            ussd: self.ussd.received().to_vec(),
        };
        Held { kept: self.kept(), running, sent, logins_refused: 0 }
    }

    fn kept(&self) -> Kept {
        let stored = |message: &Message| StoredMessage {
            store: message.store,
            index: message.index,
            state: message.stat,
            phone: message.phone.clone(),
            text: message.text.clone(),
            parts: message.parts.iter().map(|part| !part.is_empty()).collect(),
        };
        Kept {
            messages: self.messages.stored.iter().map(stored).collect(),
            sim: self.sim_card(),
            radio: self.radio_settings(),
            data: self.data_settings(),
            functionality: self.radio.function,
            composition: self.ports.clone(),
            u2diag: self.u2diag,
            datalocked: self.datalock.is_some(),
            auto_update: self.updates,
        }
    }

    pub(super) fn sim_card(&self) -> SimCard {
        SimCard {
            present: self.sim.present,
            pin_enabled: self.sim.enabled,
            pin: self.sim.pin().to_owned(),
            pin_tries: self.sim.pin_tries,
            puk_tries: self.sim.puk_tries,
        }
    }

    pub(super) fn radio_settings(&self) -> RadioSettings {
        RadioSettings {
            operator: self.radio.operator.2.to_owned(),
            by_hand: self.radio.manual,
            order: self.radio.order.clone(),
            bands: self.radio.bands.clone(),
            lte_bands: self.radio.lte_bands.clone(),
            roaming: self.radio.roaming,
            domain: self.radio.domain,
            web: self.radio.web.clone(),
            umts: self.radio.old_mode,
        }
    }

    pub(super) fn data_settings(&self) -> DataSettings {
        DataSettings {
            switch: self.data.switch,
            connect_mode: self.data.connect_mode,
            roaming: self.data.roam,
            idle: self.data.idle,
            mtu: self.data.mtu,
            profiles: self.data.profiles.clone(),
            current_profile: self.data.current,
            contexts: self.data.contexts.clone(),
        }
    }
}
