//! Conversion: from the firmware that a stick has to the firmware that its owner wants, from whatever mode it is in.
//!
//! [`plan()`] looks at the stick and says which steps there will be, without changing anything. [`convert()`] carries them out, keeps the
//! [`Journal`] from which an interrupted conversion is resumed, and reads the version back at the end.
//!
//! ```
//! use stickshift::boot::{Changes, Loader};
//! use stickshift::convert::{self, ConvertRequest, FirmwareFile, Target};
//! use stickshift::event::Session;
//! use stickshift::plan::Consents;
//! use stickshift_emu::testkit;
//! # use std::io::Cursor;
//! # use stickshift::firmware::{Compression, Header};
//! # use stickshift::firmware::build::{self, Part, field};
//! # use stickshift::firmware::signature::{trailer, trailer_length};
//! # let mut contents = testkit::SyntheticFirmware::main("stick", "21.180.01.00.00", 1);
//! # let key = stickshift::hex::decode("778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697").unwrap();
//! # let length = trailer_length(contents.partitions.len());
//! # contents.partitions[0].bytes.extend(trailer(&key.try_into().unwrap(), length));
//! # let mut parts = Vec::new();
//! # for partition in contents.partitions {
//! #     let mut header = Header::new(partition.code);
//! #     header.version = field(":E3372h_153:21.180.01.00.00")?;
//! #     parts.push(match partition.packing {
//! #         testkit::Packing::Stored => Part::from_bytes(header, partition.bytes),
//! #         testkit::Packing::Lzma => Part::packed(header, &mut Cursor::new(&partition.bytes), Compression::Lzma)?,
//! #         testkit::Packing::Zlib => Part::packed(header, &mut Cursor::new(&partition.bytes), Compression::Zlib)?,
//! #     });
//! # }
//! # let mut image = Cursor::new(Vec::new());
//! # build::write(&mut image, Some(&build::file_header(contents.kind)), parts)?;
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("E3372h_update.bin");
//! # std::fs::write(&file, image.into_inner())?;
//!
//! // A virtual stick with HiLink firmware; on a real computer: `host::SysBus::open()`.
//! let (mut bus, stick) = testkit::plugged("e3372h-hilink", 1, None)?;
//! let mut loader = Loader::parse(testkit::stock_loader(1))?;
//! loader.change(&Changes::default())?;
//! let mut session = Session::quiet();
//! let mut request = ConvertRequest {
//!     to: Target::Stick,
//!     loader: Some(loader),
//!     files: vec![FirmwareFile::open(&file, &mut session)?],
//!     consents: Consents::default(),
//!     resume: false,
//!     login: None,
//!     no_updates: true,
//! };
//! // Nothing is changed so far: this is what will be done, and the reasons against it.
//! let planned = convert::plan(&mut bus, &stick, &request, &mut session)?;
//! assert!(planned.plan.unanswered(request.consents).is_none());
//!
//! let journals = folder.path();
//! let converted = convert::convert(&mut bus, &planned, &mut request, journals, &mut session)?;
//! assert_eq!(converted.after.firmware.as_deref(), Some("21.180.01.00.00"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boot_pin;
mod flash_plan;
mod modes;
mod place_link;
pub(crate) mod plan;
mod proof;
mod request;
mod travel;

pub mod came_back;
pub mod firmware_file;
pub mod flash;
pub mod journal;
pub mod load;
pub mod resumption;

pub use firmware_file::{FileRole, FirmwareFile};
pub use journal::Journal;
pub use plan::{ConversionPlan, plan};
pub use request::{ConvertRequest, Converted, Shown, Target, order};
pub use travel::convert;
