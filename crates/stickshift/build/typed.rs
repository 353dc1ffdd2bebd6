//! `data/typed.toml` as static tables.

use std::fmt::Write as _;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Data {
    out_of_scope: Vec<OutOfScope>,
    then: Vec<Then>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutOfScope {
    what: String,
    starts: Vec<String>,
    web: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    #[serde(default)]
    call: bool,
    what: String,
    starts: Vec<String>,
    source: String,
}

pub(super) fn tables(facts: &str) -> String {
    let data: Data = toml::from_str(facts).unwrap_or_else(|e| panic!("data/typed.toml: {e}"));
    let mut code = String::from("static OUT_OF_SCOPE: &[(&str, &str, &[&str])] = &[\n");
    for OutOfScope { what, starts, web, source } in &data.out_of_scope {
        assert!(!source.is_empty());
        writeln!(code, "({what:?}, {:?}, &{web:?}),", starts.join(" ")).expect("a string takes all");
    }
    code += "];\nstatic THEN: &[(&str, &str)] = &[\n";
    let mut calls = Vec::new();
    for Then { call, what, starts, source } in &data.then {
        assert!(!source.is_empty());
        writeln!(code, "({what:?}, {:?}),", starts.join(" ")).expect("a string takes all");
        if *call {
            calls.push(starts.join(" "));
        }
    }
    // Apart: the texts are for programs that can do what they speak of.
    format!("{code}];\nstatic CALLS: &str = {:?};\n", calls.join(" "))
}
