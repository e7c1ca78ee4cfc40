/* A window with nothing in it: what GTK and libadwaita themselves cost. */
#include <adwaita.h>

static void activate(GtkApplication *app, gpointer data)
{
    GtkWidget *window = adw_application_window_new(app);
    GtkWidget *content = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);

    (void)data;
    gtk_box_append(GTK_BOX(content), adw_header_bar_new());
    adw_application_window_set_content(ADW_APPLICATION_WINDOW(window), content);
    gtk_window_set_default_size(GTK_WINDOW(window), 480, 680);
    gtk_window_present(GTK_WINDOW(window));
}

int main(int argc, char **argv)
{
    AdwApplication *app = adw_application_new("org.sameday.Bare", G_APPLICATION_DEFAULT_FLAGS);

    g_signal_connect(app, "activate", G_CALLBACK(activate), NULL);
    return g_application_run(G_APPLICATION(app), argc, argv);
}
