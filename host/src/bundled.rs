//! The plugins that came with this host and their rule packs, embedded by `build.rs`.
//!
//! Owns nothing but the tables; `sandbox` is handed that of components by `app` and `cli`, which is empty in a host that was
//! built without `cargo xtask build`. `rule` reads the packs.

/// Name and component, compressed with zlib, of each bundled plugin, by name.
pub static BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Name of a plugin and the text of its rule pack, a Prometheus rule file, by name. A plugin may have none.
pub static PACKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/packs.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_plugins_are_components_in_order_of_their_names() {
        let names: Vec<_> = BUNDLED.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for (name, bytes) in BUNDLED {
            let mut preamble = [0; 8];
            let mut decoder = flate2::read::ZlibDecoder::new(*bytes);
            std::io::Read::read_exact(&mut decoder, &mut preamble).expect("compressed");
            assert_eq!(&preamble, b"\0asm\x0d\0\x01\0", "{name} is not a component");
        }
    }
}
