#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs Stockroom as a Windows service, or upgrades it. Run it from the folder that was unpacked.
.DESCRIPTION
The program goes to -Program, below Program Files, where only administrators may change it; the data to %ProgramData%\Stockroom, which only
administrators and the service may read. The settings are in .env beside run.py; an upgrade leaves them alone.
Nothing is downloaded but the Python packages of requirements.lock, each with its SHA-256.
.EXAMPLE
.\install.ps1 -WinSW C:\Downloads\WinSW.NET461.exe
#>
[CmdletBinding()]
param(
    # WinSW.NET461.exe 2.12.0, as you downloaded it.
    [Parameter(Mandatory = $true)] [string] $WinSW,
    # The SHA-256 of that file; docs/windows.md says how this one is had.
    [ValidatePattern('^[0-9A-Fa-f]{64}$')]
    [string] $Checksum = 'b5066b7bbdfba1293e5d15cda3caaea88fbeab35bd5b38c41c913d492aadfc4f',
    # Python 3.11 to 3.13, installed for all users.
    [string] $Python = "$env:ProgramFiles\Python313\python.exe",
    [string] $Program = "$env:ProgramFiles\Stockroom"
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$source = Split-Path -Parent -Path (Split-Path -Parent -Path $PSScriptRoot)
$data = "$env:ProgramData\Stockroom"
$account = 'NT SERVICE\stockroom'
$administrators = '*S-1-5-32-544'
$system = '*S-1-5-18'

function Invoke-Program {
    param([string] $File, [string[]] $Arguments)
    & $File @Arguments
    if ($LASTEXITCODE -ne 0) { throw "$File $Arguments ended with status $LASTEXITCODE." }
}

# Takes a folder from whoever made it, with all rights in it, and gives it to administrators and SYSTEM.
function Protect-Folder {
    param([string] $Folder, [string[]] $Grants)
    New-Item -ItemType Directory -Force -Path $Folder | Out-Null
    # A link would lead our rights, and what SYSTEM does, to where somebody else wants them.
    if ((Get-Item -LiteralPath $Folder -Force).Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Folder is a link; remove it."
    }
    Invoke-Program 'icacls.exe' @($Folder, '/setowner', $administrators, '/Q')
    Invoke-Program 'icacls.exe' @($Folder, '/reset', '/Q')
    Invoke-Program 'icacls.exe' (@($Folder, '/inheritance:r', '/grant:r', "${system}:(OI)(CI)F", "${administrators}:(OI)(CI)F") + $Grants)
    # From here on nobody else can make one within.
    foreach ($child in Get-ChildItem -LiteralPath $Folder -Recurse -Force) {
        if ($child.Attributes -band [IO.FileAttributes]::ReparsePoint) { throw "$($child.FullName) is a link; remove it." }
    }
}

# What is given

$Program = [IO.Path]::GetFullPath($Program)
# SYSTEM runs what is there, every night; elsewhere others could change it, or the folders that it is in.
if (-not $Program.StartsWith("$env:ProgramFiles\", 'OrdinalIgnoreCase')) {
    throw "-Program is $Program; it must be below $env:ProgramFiles, which only administrators may change."
}
if ($source -eq $Program) { throw "Unpack Stockroom elsewhere; $Program is where this script puts it." }
if ((Get-FileHash -LiteralPath $WinSW -Algorithm SHA256).Hash -ne $Checksum) {
    throw "$WinSW has another SHA-256 than -Checksum; nothing was changed."
}
if ($Python -like "$env:SystemDrive\Users\*") {
    throw "$Python belongs to one user; a service can't run it. Install Python for all users."
}
& $Python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
if ($LASTEXITCODE -ne 0) { throw "$Python is not Python 3.11, 3.12 or 3.13." }

# The program

$installed = Get-Service -Name 'stockroom' -ErrorAction SilentlyContinue
if ($installed) { Stop-Service -Name 'stockroom' }
& robocopy.exe $source $Program /MIR /NFL /NDL /NJH /NJS /NP /XD .git .venv instance tests bench /XF .env stockroom.exe
if ($LASTEXITCODE -ge 8) { throw "robocopy could not copy $source to $Program; its status is $LASTEXITCODE." }
Copy-Item -LiteralPath $WinSW -Destination "$Program\stockroom.exe" -Force
Copy-Item -LiteralPath "$source\deploy\windows\stockroom.xml" -Destination "$Program\stockroom.xml" -Force
$venv = "$Program\.venv\Scripts\python.exe"
if (-not (Test-Path -LiteralPath $venv)) { Invoke-Program $Python @('-m', 'venv', "$Program\.venv") }
Invoke-Program $venv @('-m', 'pip', 'install', '--disable-pip-version-check', '--require-hashes', '--only-binary=:all:', '-r', "$Program\requirements.lock")

# The service and its account

if (-not $installed) {
    Invoke-Program "$Program\stockroom.exe" @('install')
    Invoke-Program 'sc.exe' @('config', 'stockroom', 'obj=', $account)
}
$runsAs = (Get-CimInstance -ClassName Win32_Service -Filter "Name='stockroom'").StartName
if ($runsAs -ne $account) { throw "The service runs as $runsAs, not as $account; it was not started." }

# The settings and the data, for administrators and the service alone

if (-not (Test-Path -LiteralPath "$Program\.env")) {
    Copy-Item -LiteralPath "$source\.env" -Destination "$Program\.env"
    [IO.File]::AppendAllText("$Program\.env", "`nAPP_ENV=production`nINSTANCE_PATH=$data\instance`n")
}
Invoke-Program 'icacls.exe' @("$Program\.env", '/inheritance:r', '/grant:r', "${system}:F", "${administrators}:F", "${account}:R")
# Anybody may make a folder in ProgramData: whoever made this one has no rights in it any more.
Protect-Folder $data @("${account}:RX")
New-Item -ItemType Directory -Force -Path "$data\instance", "$data\logs", "$data\backups" | Out-Null
Invoke-Program 'icacls.exe' @("$data\*", '/setowner', $administrators, '/T', '/Q')
Invoke-Program 'icacls.exe' @("$data\*", '/reset', '/T', '/Q')
Invoke-Program 'icacls.exe' @("$data\instance", '/grant:r', "${account}:(OI)(CI)M")
Invoke-Program 'icacls.exe' @("$data\logs", '/grant:r', "${account}:(OI)(CI)M")

# The database, and the first admin with a password that you type: no log ever has it

Push-Location -LiteralPath $Program
try {
    Invoke-Program $venv @('run.py', 'upgrade')
    $admins = Invoke-Program $venv @('run.py', 'user', 'list', '--role', 'admin', '--json')
    if ("$admins".Trim() -eq '[]') {
        Write-Output 'The first admin is called admin. The password must have 12 to 128 characters.'
        Invoke-Program $venv @('run.py', 'user', 'create', 'admin', '--role', 'admin', '--prompt')
    }
} finally {
    Pop-Location
}

Start-Service -Name 'stockroom'
Write-Output "Stockroom runs. Its settings: $Program\.env. Its data: $data\instance. Its log: $data\logs."
