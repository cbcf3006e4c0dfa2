#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Backs up the SQLite database of Stockroom while it runs, and keeps the newest copies; -Register does so every night.
.EXAMPLE
.\backup.ps1 -Register -Keep 30 -At 02:30
#>
[CmdletBinding()]
param(
    [string] $Program = "$env:ProgramFiles\Stockroom",
    # Best a disk of its own; a new folder is for administrators and SYSTEM alone. A link is refused.
    [string] $Folder = "$env:ProgramData\Stockroom\backups",
    [ValidateRange(1, 1000)] [int] $Keep = 14,
    # Make the scheduled task instead of a backup now.
    [switch] $Register,
    [datetime] $At = '02:30'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# SYSTEM will run what is there, so it must be where only administrators may change it.
$Program = [IO.Path]::GetFullPath($Program)
if (-not $Program.StartsWith("$env:ProgramFiles\", 'OrdinalIgnoreCase')) {
    throw "-Program is $Program; it must be below $env:ProgramFiles, as install.ps1 put it."
}
if (-not (Test-Path -LiteralPath $Folder)) {
    New-Item -ItemType Directory -Path $Folder | Out-Null
    & icacls.exe $Folder '/inheritance:r' '/grant:r' '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "$Folder could not be closed to others; the status of icacls is $LASTEXITCODE." }
}
if ((Get-Item -LiteralPath $Folder -Force).Attributes -band [IO.FileAttributes]::ReparsePoint) {
    throw "$Folder is a link; name the folder itself."
}

if ($Register) {
    # The installed script.
    $script = "$Program\deploy\windows\backup.ps1"
    if (-not (Test-Path -LiteralPath $script)) { throw "There is no $script; install Stockroom first." }
    $action = New-ScheduledTaskAction -Execute "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe" `
        -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$script`" -Program `"$Program`" -Folder `"$Folder`" -Keep $Keep"
    $trigger = New-ScheduledTaskTrigger -Daily -At $At
    $principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -MultipleInstances IgnoreNew -ExecutionTimeLimit '04:00:00'
    Register-ScheduledTask -TaskName 'Stockroom backup' -Action $action -Trigger $trigger -Principal $principal `
        -Settings $settings -Force | Out-Null
    Write-Output "Every day at $($At.ToString('HH:mm')), $Folder gets a backup and keeps the newest $Keep."
    return
}

$file = Join-Path -Path $Folder -ChildPath "stockroom-$(Get-Date -Format 'yyyyMMdd-HHmmss').sqlite3"
Push-Location -LiteralPath $Program
try {
    & "$Program\.venv\Scripts\python.exe" run.py backup $file
    if ($LASTEXITCODE -ne 0) { throw "There is no backup, and no older one was deleted; the status is $LASTEXITCODE." }
} finally {
    Pop-Location
}
Get-ChildItem -LiteralPath $Folder -Filter 'stockroom-*.sqlite3' | Sort-Object -Property Name -Descending |
    Select-Object -Skip $Keep | Remove-Item
