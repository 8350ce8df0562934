using System.Diagnostics.CodeAnalysis;

/// <summary>
/// .NET calls this type before the entry point of a program whose runtimeconfig.json names this assembly in STARTUP_HOOKS.
/// </summary>
[SuppressMessage("Design", "CA1050", Justification = ".NET looks for a type StartupHook outside of namespaces.")]
internal static class StartupHook
{
    internal static void Initialize() => Mixup.Native.SystemTorch.Use();
}
