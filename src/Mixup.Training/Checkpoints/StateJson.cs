using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchSharp.Mixup.Training;

/// <summary>The JSON of states in a checkpoint.</summary>
internal static class StateJson
{
    // A misspelt or missing member is an error, not a default.
    public static JsonSerializerOptions Options { get; } = new()
    {
        IncludeFields = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
#if NET9_0_OR_GREATER
        RespectRequiredConstructorParameters = true,
#endif
    };

    /// <summary>Writes a state.</summary>
    public static string Write<T>(T state) => JsonSerializer.Serialize(state, Options);

    /// <summary>Reads a state.</summary>
    /// <exception cref="FormatException">The text is not such a state.</exception>
    public static T Read<T>(string state, string what)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(state, Options)!;
        }
        catch (JsonException e)
        {
            throw new FormatException($"'{state}' is not the state of {what}.", e);
        }
    }
}
