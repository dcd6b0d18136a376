// Runs PowerShell. With a file as its argument: that script, as `pwsh -File` would, in the environment and directory it is
// started in. Without: texts, each in a runspace of its own; a line of standard input is a text in base64, a line of
// standard output is what came of it, as JSON.
using System;
using System.IO;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text;
using System.Text.Json;

if (args.Length > 0) return RunFile(args[0]);
while (Console.In.ReadLine() is { } line)
{
    using var shell = PowerShell.Create(InitialSessionState.CreateDefault2());
    shell.AddScript(Encoding.UTF8.GetString(Convert.FromBase64String(line)));
    string? error = null;
    var lines = Array.Empty<string>();
    try
    {
        lines = shell.Invoke().Select(item => $"{item}").ToArray();
        error = shell.Streams.Error.FirstOrDefault()?.ToString();
    }
    catch (RuntimeException thrown)
    {
        error = thrown.Message;
    }
    Console.Out.WriteLine(JsonSerializer.Serialize(new { lines, error }));
}
return 0;

static int RunFile(string file)
{
    using var shell = PowerShell.Create(InitialSessionState.CreateDefault2());
    shell.AddCommand(Path.GetFullPath(file));
    var output = new PSDataCollection<PSObject>();
    output.DataAdded += (_, added) => Console.Out.WriteLine(output[added.Index]);
    shell.Streams.Error.DataAdded += (_, added) => Console.Error.WriteLine(shell.Streams.Error[added.Index]);
    try
    {
        shell.Invoke(null, output);
        return 0;
    }
    catch (RuntimeException thrown)
    {
        // An error record reads as its details where it has them: for a web request, what the server answered.
        Console.Error.WriteLine(thrown.ErrorRecord);
        return 1;
    }
}
