//! Packs interface files and icons into the program.

fn main() {
    glib_build_tools::compile_resources(&["src", "data"], "src/resources.gresource.xml", "resources.gresource");
}
