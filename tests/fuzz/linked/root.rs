//! The root of the one plugin that a target links, as the loader would find it: by its symbol. The types of a plugin
//! are private.

use std::sync::OnceLock;

use abi_stable::library::LibHeader;
use prony_plugin_api::abi::{PluginModule_Ref, host::PluginRoot};

unsafe extern "C" {
    #[link_name = "prony_plugin_root_v1"]
    static ROOT: LibHeader;
}

/// It has a panic hook to install, once.
pub fn root() -> &'static PluginRoot {
    static OPENED: OnceLock<PluginRoot> = OnceLock::new();
    OPENED.get_or_init(|| {
        // SAFETY: `export_plugin!` exports a `LibHeader` under this name, and both sides are built from one source.
        let module = unsafe { ROOT.init_root_module_with_unchecked_layout::<PluginModule_Ref>() };
        prony_entries::root(module.expect("the plugin starts"))
    })
}
