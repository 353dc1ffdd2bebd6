//! Virtual sticks.
