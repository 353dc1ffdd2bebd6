//! What people come for: whole journeys, composed of the dialogues, over a bus.

pub mod switching;
